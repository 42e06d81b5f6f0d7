import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The files of the repository, as git lists them, new ones included; paths from its root. */
export const FILES: readonly string[] = execFileSync(
  'git',
  ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
  { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 },
)
  .split('\0')
  // Deleted ones are listed until the deletion is committed.
  .filter((file) => file !== '' && statSync(join(ROOT, file), { throwIfNoEntry: false })?.isFile() === true);

export const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

export const exists = (file: string): boolean => existsSync(join(ROOT, file));

/** A workspace: its folder, its name, and what its package.json declares. */
export interface Workspace {
  folder: string;
  name: string;
  dependencies: ReadonlySet<string>;
  devDependencies: ReadonlySet<string>;
}

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

export const WORKSPACES: readonly Workspace[] = FILES.filter((file) =>
  /^(packages|services)\/[^/]+\/package\.json$/.test(file),
).map((file) => {
  const { name, dependencies = {}, devDependencies = {} }: Manifest = JSON.parse(read(file));
  const names = (map: object) => new Set(Object.keys(map));
  return { folder: dirname(file), name, dependencies: names(dependencies), devDependencies: names(devDependencies) };
});

/** The workspace that a file belongs to; undefined for files of the root. */
export const workspaceOf = (file: string): Workspace | undefined =>
  WORKSPACES.find(({ folder }) => file.startsWith(`${folder}/`));

/** One import: the file that has it and what it names; a relative one as a path from the root. */
export interface Import {
  file: string;
  target: string;
  isRelative: boolean;
}

const IMPORT = /^(?:import|export)\s[^;'"]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm;

/** Every import of the TypeScript sources. */
export const IMPORTS: readonly Import[] = FILES.filter((file) => file.endsWith('.ts')).flatMap((file) =>
  [...read(file).matchAll(IMPORT)].map((match) => {
    const named = match[1] ?? match[2] ?? match[3] ?? '';
    const isRelative = named.startsWith('.');
    return { file, isRelative, target: isRelative ? normalize(join(dirname(file), named)) : named };
  }),
);

/** The package of an import: `@scope/name/deep` is `@scope/name`. */
export const packageOf = (target: string): string =>
  target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
