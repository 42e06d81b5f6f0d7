import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import { FILES, read } from './sources.ts';

const MAX_LINES = 300;
const isText = (file: string): boolean => !/\.(binpb|png|zip|ico)$/.test(file);
const code = FILES.filter((file) => /\.(ts|mjs|php)$/.test(file) && !file.includes('/src/gen/'));

test(`no file of code is longer than ${MAX_LINES} lines`, () => {
  const long = code
    .map((file) => ({ file, lines: read(file).split('\n').length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES);
  assert.deepEqual(long, []);
});

test('no file names a folder of the machine it was written on', () => {
  const folders = ['root', 'work', 'home/[a-z]+', 'Users/[A-Za-z]+'].join('|');
  const path = new RegExp(`(?<![\\w.~*})-])/(${folders})/[\\w.-]`);
  const found = FILES.filter(isText).flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) => (path.test(line) ? [`${file}:${index + 1} ${line.trim()}`] : [])),
  );
  assert.deepEqual(found, []);
});

test('the lock file leads to no registry: each machine uses its own', () => {
  const packages: Record<string, { resolved?: string; integrity?: string; link?: boolean }> = JSON.parse(
    read('package-lock.json'),
  ).packages;
  const resolved = Object.entries(packages).filter(([, { resolved = '' }]) => /^[a-z+]+:/.test(resolved));
  assert.deepEqual(resolved, []);
  const unpinned = Object.entries(packages).filter(
    ([path, entry]) => path.includes('node_modules/') && !entry.link && !entry.integrity,
  );
  assert.deepEqual(unpinned, []);
});

test('no file names the registry that this machine installs from', () => {
  const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
  const { host } = new URL(registry);
  const found = FILES.filter(isText).filter((file) => read(file).includes(host));
  assert.deepEqual(found, []);
});

test('the release has one version: of the product, the chart, and the image that it deploys', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  const chart = read('charts/pressferry/Chart.yaml');
  assert.equal(/^version: (\S+)$/m.exec(chart)?.[1], version);
  assert.equal(/^appVersion: "(\S+)"$/m.exec(chart)?.[1], version);
  assert.equal(/newTag: "(\S+)"/.exec(read('k8s/kustomization.yaml'))?.[1], version);
  assert.match(read('charts/pressferry/UPGRADING.md'), new RegExp(`^## ${version.replaceAll('.', '\\.')}$`, 'm'));
});
