import assert from 'node:assert/strict';
import { dirname, join, normalize } from 'node:path';
import test from 'node:test';
import { PROBLEMS, type ProblemCode, reactionTo } from '@pressferry/contracts';
import { allMetrics, metricsOf } from '../../scripts/metrics.ts';
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

test('docs/protocol.md names exactly the refusals after which an event is given up', () => {
  const [, named = ''] = /^\| (.+) \| can never be accepted as it is/m.exec(read('docs/protocol.md')) ?? [];
  const final = (Object.keys(PROBLEMS) as ProblemCode[]).filter(
    (code) => reactionTo(code, PROBLEMS[code][0]) === 'correct',
  );
  assert.deepEqual([...named.matchAll(/`(\w+)`/g)].map(([, code]) => code).sort(), final.sort());
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

test('every metric that a document names is declared', async () => {
  const declared = new Set((await allMetrics()).map(({ name }) => name));
  const missing = PAGES.flatMap((page) =>
    [...prose(page).matchAll(/`(pressferry_(?:ingress|enricher|callback|jetstream|build)_[a-z_]+)[`{]/g)].flatMap(
      ([, name = '']) =>
        declared.has(name) || declared.has(name.replace(/_(bucket|sum|count)$/, '')) ? [] : [`${page}: ${name}`],
    ),
  );
  assert.deepEqual(missing, []);
});

test('the README of a service names every metric that it declares, with its labels, and no other', async () => {
  for (const service of ['ingress', 'enricher', 'callback'] as const) {
    const page = `services/${service}/README.md`;
    const prefix = `pressferry_${service}_`.length;
    const declared = (await metricsOf(service)).map(({ name, labelNames }) => labelled(name.slice(prefix), labelNames));
    const [, section = ''] = read(page).split(/^## Metrics$/m);
    const documented = [...(section.split(/^## /m)[0] ?? '').matchAll(/`([a-z_]+)(?:\{([a-z_,]+)\})?`/g)].map(
      ([, name, labels]) => labelled(name, labels?.split(',')),
    );
    assert.deepEqual(documented.sort(), declared.sort(), page);
  }
});

const labelled = (name = '', labels: readonly string[] = []): string =>
  labels.length === 0 ? name : `${name}{${labels.join(',')}}`;
