import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exists, FILES, read } from './sources.ts';

const REHEARSALS = FILES.filter((file) => /^tests\/operations\/[^/]+\.ts$/.test(file));
const GUIDES = FILES.filter((file) => file.startsWith('docs/guides/') && !file.endsWith('/README.md'));

test('every guide is in the table of guides, and names a script that rehearses it and is there', () => {
  const table = read('docs/guides/README.md');
  const targets = new Set([...read('Makefile').matchAll(/^([a-z-]+):/gm)].map(([, name]) => name));
  assert.ok(GUIDES.length >= 7);
  for (const guide of GUIDES) {
    assert.ok(table.includes(`(${guide.replace('docs/guides/', '')})`), guide);
    const [, named = ''] = /[Rr]ehearsed by ([\s\S]*?)\n\n/.exec(read(guide)) ?? [];
    const scripts = [...named.matchAll(/`([^`]+)`/g)].map(([, script = '']) => script);
    assert.ok(scripts.length > 0, `${guide} names no script`);
    for (const script of scripts) {
      const [, target] = /^make ([a-z-]+)/.exec(script) ?? [];
      const path = script.replace(/^node /, '').split(' ')[0] ?? '';
      assert.ok(target === undefined ? exists(path) : targets.has(target), `${guide}: ${script} is not there`);
    }
  }
});

test('a guide and its rehearsal in tests/operations name each other', () => {
  const named = (guide: string): string => /[Rr]ehearsed by ([\s\S]*?)\n\n/.exec(read(guide))?.[1] ?? '';
  const pairs = REHEARSALS.flatMap((script) =>
    GUIDES.map((guide) => ({
      script,
      guide,
      guideNames: named(guide).includes(script),
      scriptNames: read(script).includes(guide),
    })),
  );
  assert.ok(pairs.filter(({ guideNames }) => guideNames).length >= 7);
  assert.deepEqual(
    pairs.filter(({ guideNames, scriptNames }) => guideNames !== scriptNames),
    [],
  );
});
