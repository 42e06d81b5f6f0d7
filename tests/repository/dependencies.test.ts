import assert from 'node:assert/strict';
import test from 'node:test';
import { FILES, IMPORTS, type Import, packageOf, read, WORKSPACES, type Workspace, workspaceOf } from './sources.ts';

const describe = ({ file, target }: Import): string => `${file} imports ${target}`;
const isTestCode = (file: string): boolean => /\.test\.ts$|\/(?:test|fuzz)\/|^packages\/testing\//.test(file);
const rootDevDependencies = new Set(Object.keys(JSON.parse(read('package.json')).devDependencies));

/** The workspace that an import leads to, by name or by path. */
const targetOf = ({ target, isRelative }: Import): Workspace | undefined =>
  isRelative ? workspaceOf(target) : WORKSPACES.find(({ name }) => name === packageOf(target));

/** Imports that lead from one workspace into another. */
const CROSSINGS = IMPORTS.flatMap((entry) => {
  const [from, to] = [workspaceOf(entry.file), targetOf(entry)];
  return from !== undefined && to !== undefined && from !== to ? [{ entry, from, to }] : [];
});

test('the reading of imports finds them', () => {
  assert.ok(IMPORTS.length > 300, `${IMPORTS.length} imports`);
  assert.ok(CROSSINGS.length > 50, `${CROSSINGS.length} imports between workspaces`);
});

test('no service imports another service, and no package imports a service', () => {
  const wrong = CROSSINGS.filter(({ to }) => to.folder.startsWith('services/'));
  assert.deepEqual(
    wrong.map(({ entry }) => describe(entry)),
    [],
  );
});

test('a workspace is imported by its name, never by a path into its folder', () => {
  const wrong = CROSSINGS.filter(({ entry }) => entry.isRelative);
  assert.deepEqual(
    wrong.map(({ entry }) => describe(entry)),
    [],
  );
});

test('packages do not import one another in a circle', () => {
  const edges = new Map(WORKSPACES.map(({ name }) => [name, new Set<string>()]));
  for (const { entry, from, to } of CROSSINGS) if (!isTestCode(entry.file)) edges.get(from.name)?.add(to.name);
  const circles: string[] = [];
  const visit = (name: string, path: string[]): void => {
    if (path.includes(name)) circles.push([...path, name].join(' → '));
    else for (const next of edges.get(name) ?? []) visit(next, [...path, name]);
  };
  for (const name of edges.keys()) visit(name, []);
  assert.deepEqual(circles, []);
});

test('every imported package is declared in the package.json of its workspace, or of the root', () => {
  const wrong = IMPORTS.filter((entry) => {
    if (entry.isRelative || entry.target.startsWith('node:')) return false;
    const name = packageOf(entry.target);
    const workspace = workspaceOf(entry.file);
    // npm links workspaces for the root as for one another.
    if (workspace === undefined) return !rootDevDependencies.has(name) && targetOf(entry) === undefined;
    if (name === workspace.name || workspace.dependencies.has(name)) return false;
    return !(isTestCode(entry.file) && (workspace.devDependencies.has(name) || rootDevDependencies.has(name)));
  });
  assert.deepEqual(wrong.map(describe), []);
});

test('every declared dependency is used', () => {
  // Imported, or resolved by its name, as a program or a file of it is.
  const wrong = WORKSPACES.flatMap(({ folder, dependencies, devDependencies }) => {
    const text = FILES.filter((file) => file.startsWith(`${folder}/`) && file.endsWith('.ts'))
      .map(read)
      .join('\n');
    return [...dependencies, ...devDependencies]
      .filter((name) => !text.includes(`'${name}'`) && !text.includes(`'${name}/`))
      .map((name) => `${folder} declares ${name}`);
  });
  assert.deepEqual(wrong, []);
});

test('a package has two users, or it is a folder of its one user', () => {
  // Used by people, not by code.
  const programs = new Set(['@pressferry/admin', '@pressferry/devstack']);
  const lonely = WORKSPACES.filter(({ folder, name }) => folder.startsWith('packages/') && !programs.has(name)).filter(
    (workspace) => {
      const users = IMPORTS.filter((entry) => targetOf(entry) === workspace && workspaceOf(entry.file) !== workspace);
      return new Set(users.map(({ file }) => workspaceOf(file)?.name ?? file.split('/')[0])).size < 2;
    },
  );
  assert.deepEqual(
    lonely.map(({ name }) => name),
    [],
  );
});
