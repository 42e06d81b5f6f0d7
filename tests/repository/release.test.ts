import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { exists, read } from './sources.ts';

const WORKFLOWS = ['.github/workflows/ci.yml', '.github/workflows/release.yml'];
const { version } = JSON.parse(read('package.json')) as { version: string };

test('the release has one version: of the product, of the chart, and a heading in the changelog', () => {
  const chart = parse(read('charts/pressferry/Chart.yaml')) as { version: string; appVersion: string };
  assert.deepEqual([chart.version, chart.appVersion], [version, version]);
  assert.match(read('CHANGELOG.md'), new RegExp(`^## ${version.replaceAll('.', '\\.')}$`, 'm'));
});

test('CI runs what a contributor runs, and every make target that a workflow names is there', () => {
  assert.match(read('.github/workflows/ci.yml'), /run: \.ci\/run$/m);
  assert.ok(exists('.ci/run'));
  const targets = new Set([...read('Makefile').matchAll(/^([a-z-]+):/gm)].map(([, name]) => name));
  for (const path of WORKFLOWS)
    for (const [, target] of read(path).matchAll(/\bmake ([a-z-]+)/g))
      assert.ok(targets.has(target), `${path}: ${target}`);
});

test('no workflow may write more than its job needs', () => {
  for (const path of WORKFLOWS) {
    const { permissions } = parse(read(path)) as { permissions: unknown };
    assert.deepEqual(permissions, { contents: 'read' }, path);
  }
});

const ACTIONLINT = join(homedir(), 'go/bin/actionlint');
const found = await promisify(execFile)(ACTIONLINT, ['-version']).catch(() => undefined);

test('actionlint finds no fault in the workflows', {
  skip:
    found === undefined && 'actionlint is not installed: go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.7',
}, async () => {
  const paths = WORKFLOWS.map((path) => join(import.meta.dirname, '../..', path));
  await promisify(execFile)(ACTIONLINT, paths);
});
