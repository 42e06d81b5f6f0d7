import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Report, type Result, succeeded, summary } from './lane.ts';
import { nodeTestLane } from './node-test.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pressferry-lanes-'));
});
after(() => rm(folder, { recursive: true }));

/** Runs a lane over one file with this text. */
async function laneOver(name: string, text: string, silenceMs = 60_000): Promise<Report> {
  const file = join(folder, `${name}.test.mjs`);
  await writeFile(file, `import { before, describe, test } from 'node:test';\n${text}`);
  // Without the variables by which this test's own process knows that it is a test.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return nodeTestLane(name, { files: [file], concurrency: 1, env: async () => env, quiet: true, silenceMs }).run();
}

test('tests are counted one by one, also below suites, and suites are not', async () => {
  const report = await laneOver(
    'counted',
    `test('a', () => {}); describe('s', () => { test('b', () => {}); test('c', () => {}); });`,
  );
  assert.deepEqual(report, { passed: 3, failed: 0, skipped: [], failures: [] });
});

test('a failing test is counted once, however deep it is nested', async () => {
  const report = await laneOver(
    'failing',
    `describe('s', () => { test('a', () => { throw new Error('x'); }); test('b', () => {}); });`,
  );
  assert.deepEqual([report.passed, report.failed], [1, 1]);
});

test('a failure is named with its place and its reason', async () => {
  const { failures } = await laneOver(
    'named',
    `describe('s', () => { test('a', () => { throw new Error('x'); }); test('b', () => {}); });`,
  );
  assert.equal(failures.length, 1);
  assert.match(failures[0]?.name ?? '', /named\.test\.mjs:2 a$/);
  assert.match(failures[0]?.reason ?? '', /^Error: x/);
});

test('a skipped test is named with its reason, and one without a reason is seen', async () => {
  const report = await laneOver(
    'skipping',
    `test('a', { skip: 'no PHP' }, () => {}); test('b', { skip: true }, () => {});`,
  );
  assert.deepEqual(
    report.skipped.map(({ reason }) => reason),
    ['no PHP', 'no reason is given'],
  );
  assert.deepEqual([report.passed, report.failed], [0, 0]);
});

test('a skipped suite is named too', async () => {
  const report = await laneOver(
    'suites',
    `describe('s', { skip: 'no helm' }, () => { test('a', () => {}); }); test('b', () => {});`,
  );
  assert.equal(report.passed, 1);
  assert.deepEqual(
    report.skipped.map(({ reason }) => reason),
    ['no helm'],
  );
});

const FAULTS = {
  'a file that holds no test': '',
  'a file that ends early': `test('a', () => {}); process.exit(3);`,
  'a file that does not parse': 'test(',
  'a hook that fails': `before(() => { throw new Error('x'); }); test('a', () => {});`,
  'a promise left to fail': `test('a', () => { setTimeout(() => Promise.reject(new Error('x'))); });`,
};
for (const [index, [fault, text]] of Object.entries(FAULTS).entries()) {
  test(`${fault} fails its lane`, async () => {
    const { failed, failures } = await laneOver(`fault-${index}`, text);
    assert.ok(failed > 0 && failures.length > 0);
  });
}

test('a file that never ends fails its lane and holds up nothing', async () => {
  const report = await laneOver('endless', `test('a', () => {}); setInterval(() => {}, 1_000);`, 1_500);
  assert.deepEqual([report.passed, report.failed], [0, 1]);
});

test('a pattern that matches no file fails its lane', async () => {
  const report = await nodeTestLane('none', {
    files: [join(folder, 'nothing-*.test.mjs')],
    concurrency: 1,
    env: async () => process.env,
    quiet: true,
  }).run();
  assert.equal(succeeded([{ ...report, lane: 'none', seconds: 1 }]), false);
});

const FAILS_ONCE = (marker: string): string => `import { existsSync, writeFileSync } from 'node:fs';
const isFirst = !existsSync(${JSON.stringify(marker)});
writeFileSync(${JSON.stringify(marker)}, '');
test('a', () => { if (isFirst) throw new Error('x'); }); test('b', () => {});`;

test('a file that passes when it runs once more, alone, passes, and its first failure is named', async () => {
  const report = await laneOver('unsteady', FAILS_ONCE(join(folder, 'marker')));
  assert.deepEqual([report.passed, report.failed, report.failures], [2, 0, []]);
  const [unsteady, ...more] = report.unsteady ?? [];
  assert.match(unsteady?.name ?? '', /unsteady\.test\.mjs:\d+ a$/);
  assert.match(unsteady?.reason ?? '', /^Error: x/);
  assert.equal(more.length, 0);
  const lines = summary([result({ ...report })], []);
  assert.ok(lines.some((line) => line.startsWith('unsteady units ')));
  assert.equal(lines.at(-1), '2 passed, 0 failed, 0 skipped');
});

test('more than three failing files do not run again', async () => {
  const files = await Promise.all(
    [0, 1, 2, 3].map(async (at) => {
      const file = join(folder, `many-${at}.test.mjs`);
      await writeFile(file, `import { test } from 'node:test';\n${FAILS_ONCE(join(folder, `many-${at}`))}`);
      return file;
    }),
  );
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { failed } = await nodeTestLane('many', { files, concurrency: 1, env: async () => env, quiet: true }).run();
  assert.equal(failed, 4);
});

const result = (changes: Partial<Result>): Result => ({
  lane: 'units',
  seconds: 1,
  passed: 1,
  failed: 0,
  skipped: [],
  failures: [],
  ...changes,
});

test('a run succeeds only if every lane ran tests and none failed', () => {
  assert.equal(succeeded([result({}), result({})]), true);
  assert.equal(succeeded([result({}), result({ failed: 1 })]), false);
  assert.equal(succeeded([result({}), result({ passed: 0 })]), false);
  assert.equal(succeeded([]), false);
});

test('the summary names all that did not run or failed, with its reason, and ends with the sums alone', () => {
  const skipped = [{ name: 'a', reason: 'no PHP' }];
  const failures = [{ name: 'b', reason: 'Error: x\n  at y' }];
  const lines = summary(
    [result({ skipped, failures, failed: 1 }), result({ lane: 'wordpress', notRun: ['native: php is not installed'] })],
    ['check'],
  );
  assert.deepEqual(lines, [
    'ran      units: 1 passed, 1 failed, 1 skipped, 1.0 s',
    'ran      wordpress: 1 passed, 0 failed, 0 skipped, 1.0 s',
    'not run  wordpress native: php is not installed',
    'not run  check: not asked for',
    'skipped  units a: no PHP',
    'failed   units b: Error: x\n      at y',
    '2 passed, 1 failed, 1 skipped',
  ]);
});
