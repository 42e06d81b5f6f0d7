import assert from 'node:assert/strict';
import { dirname, join, normalize } from 'node:path';
import test from 'node:test';
import { PROBLEMS } from '@pressferry/contracts';
import { exists, FILES, read } from './sources.ts';

const PAGES = FILES.filter((file) => file.endsWith('.md'));

/** Text outside fenced blocks. */
const prose = (page: string): string => read(page).replaceAll(/^```[\s\S]*?^```/gm, '');

/** The anchors of a page: of its headings, as GitHub makes them, and those it sets itself. */
function anchorsOf(page: string): Set<string> {
  const headings = [...prose(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
  const own = [...read(page).matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id);
  return new Set([...headings, ...own]);
}

test('docs/protocol.md explains every problem code, at an anchor of its name, with its status, and no other', () => {
  const rows = [...read('docs/protocol.md').matchAll(/^\| <a id="(\w+)"><\/a>`(\w+)` \| (\d{3}) \|/gm)];
  const documented = rows.map(([, anchor, code, status]) => `${anchor} ${code} ${status}`).sort();
  const declared = Object.entries(PROBLEMS).map(([code, [status]]) => `${code} ${code} ${status}`);
  assert.deepEqual(documented, declared.sort());
});

test('every link of the documents to a file or a heading leads to one', () => {
  const broken = PAGES.flatMap((page) =>
    [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      if (/^[a-z]+:/.test(link)) return [];
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : normalize(join(dirname(page), path));
      if (!exists(target)) return [`${page}: ${link}`];
      return anchor === undefined || anchorsOf(target).has(anchor) ? [] : [`${page}: ${link}`];
    }),
  );
  assert.deepEqual(broken, []);
});

test('every file that a document names by its path is there', () => {
  const folders = /^(?:packages|services|proto|wordpress|docs|tests|scripts|bench|charts|k8s|config)\//;
  const missing = PAGES.flatMap((page) =>
    [...prose(page).matchAll(/`([\w./-]+\/[\w.-]+\.\w+|[\w./-]+\/)`/g)].flatMap(([, path = '']) =>
      !folders.test(path) || exists(path) || exists(join(dirname(page), path)) ? [] : [`${page}: ${path}`],
    ),
  );
  assert.deepEqual(missing, []);
});

test('every make target that a document names is there', () => {
  const targets = new Set([...read('Makefile').matchAll(/^([a-z-]+):/gm)].map(([, target]) => target));
  const missing = PAGES.flatMap((page) =>
    [...read(page).matchAll(/(?:^|`)make ([a-z-]+)/gm)].flatMap(([, target]) =>
      targets.has(target) ? [] : [`${page}: make ${target}`],
    ),
  );
  assert.deepEqual(missing, []);
});

test('every metric that a document names is declared by its service', () => {
  const missing = PAGES.flatMap((page) =>
    [...prose(page).matchAll(/`pressferry_(ingress|enricher|callback)_([a-z_]+)[`{]/g)].flatMap(
      ([, service, metric = '']) =>
        read(`services/${service}/src/metrics.ts`).includes(`'${metric}'`) ? [] : [`${page}: ${service} ${metric}`],
    ),
  );
  assert.deepEqual(missing, []);
});

test('the README of a service names every metric that it declares, with its labels, and no other', () => {
  for (const readme of PAGES.filter((page) => /^services\/[^/]+\/README\.md$/.test(page))) {
    const source = read(join(dirname(readme), 'src/metrics.ts'));
    const declared = [
      ...source.matchAll(
        /\b(?:counter|tally|histogram|gauge)\(\s*'([a-z_]+)',\s*(?:'[^']*'|"[^"]*")(?:,\s*\[([^\]]*)\])?/g,
      ),
    ].map(([, name, labels = '']) => labelled(name, labels.replaceAll(/['\s]|,\s*$/g, '')));
    const [, section = ''] = read(readme).split(/^## Metrics$/m);
    const documented = [...(section.split(/^## /m)[0] ?? '').matchAll(/`([a-z_]+)(?:\{([a-z_,]+)\})?`/g)].map(
      ([, name, labels]) => labelled(name, labels),
    );
    assert.ok(declared.length > 0, `${readme}: the reading of metrics.ts finds none`);
    assert.deepEqual(documented.sort(), declared.sort(), readme);
  }
});

const labelled = (name = '', labels = ''): string => (labels === '' ? name : `${name}{${labels}}`);
