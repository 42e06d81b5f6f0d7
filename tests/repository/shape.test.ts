import assert from 'node:assert/strict';
import test from 'node:test';
import { functionsIn } from './functions.ts';
import { commentWords } from './prose.ts';
import { arrowsIn, circlesIn, isProduct, longestIn } from './shape.ts';
import { FILES, read } from './sources.ts';

const SOURCES = FILES.filter(isProduct).map((file) => ({ file, text: read(file) }));
const ARROWS = arrowsIn(SOURCES);
const MAX_LINES = 60;
// docs/writing.md says when a comment adds something.
const MAX_COMMENT_WORDS = 86;

test('the reading of sources finds folders, imports and functions', () => {
  assert.ok(SOURCES.length > 250, `${SOURCES.length} sources`);
  assert.ok(ARROWS.length > 300, `${ARROWS.length} imports between folders`);
  assert.deepEqual(circlesIn([...'ab bc ca cd'.split(' ')].map(([from = '', to = '']) => ({ from, to }))), [
    'a → b → c → a',
  ]);
  assert.deepEqual(
    functionsIn('const make = (): number => {\n  const inner = function (x: string) {\n    return x;\n  };\n};'),
    [
      { line: 1, name: 'make', lines: 5 },
      { line: 2, name: 'inner', lines: 3 },
    ],
  );
});

test('no folder of a service or package imports, through others or not, one that imports it; types count too', () => {
  const circles = [...Map.groupBy(ARROWS, ({ workspace }) => workspace)].flatMap(([workspace, arrows]) =>
    circlesIn(arrows).map((circle) => `${workspace}: ${circle}`),
  );
  assert.deepEqual(circles, []);
});

test('db/ of a service imports its model.ts and nothing else of it', () => {
  const ofDatabases = ARROWS.filter(({ workspace, from }) => workspace.startsWith('services/') && from === 'db');
  assert.ok(ofDatabases.length > 3);
  assert.deepEqual(
    ofDatabases.filter(({ to }) => to !== 'model.ts').map(({ file, to }) => `${file} imports ${to}`),
    [],
  );
});

test('http/ of a service imports no folder of its domain', () => {
  const wrong = ARROWS.filter(({ workspace, from, to }) => {
    return workspace.startsWith('services/') && from === 'http' && !to.endsWith('.ts');
  });
  assert.deepEqual(
    wrong.map(({ file, to }) => `${file} imports ${to}`),
    [],
  );
});

test('every service has the same files at its root: how it starts, what it opens, its settings, metrics and words', () => {
  for (const service of ['ingress', 'enricher', 'callback'])
    for (const file of ['main.ts', 'app.ts', 'config.ts', 'metrics.ts', 'model.ts'])
      assert.ok(FILES.includes(`services/${service}/src/${file}`), `${service} has no ${file}`);
});

test(`no function is longer than ${MAX_LINES} lines`, () => {
  const long = longestIn(SOURCES).filter(({ lines }) => lines > MAX_LINES);
  assert.deepEqual(
    long.map(({ file, name, line, lines }) => `${file}:${line} ${name} has ${lines} lines`),
    [],
  );
});

test(`a hundred lines of product code have at most ${MAX_COMMENT_WORDS} words of comment`, () => {
  const lines = SOURCES.reduce((sum, { text }) => sum + text.split('\n').length - 1, 0);
  const words = (100 * commentWords(SOURCES)) / lines;
  assert.ok(words > 20, 'comments are found');
  assert.ok(words <= MAX_COMMENT_WORDS, `${words.toFixed(1)} words; \`node scripts/shape.ts\` shows them by workspace`);
});
