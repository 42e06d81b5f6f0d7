// `node scripts/images/select.ts TARGET [WORKSPACE…]`: copies what an image of these workspaces (default: production's)
// holds into TARGET/app, and what npm needs to install their packages into TARGET/manifests. Imports nothing, because
// it runs before packages are installed.
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The members of a package.json that count here. */
export interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** What runs in production. */
export const PRODUCTION = ['services/ingress', 'services/enricher', 'services/callback', 'packages/admin'];

/** Files of the repository's root that a running image reads, or that say what it is. */
const ROOT_ENTRIES = ['config', 'LICENSE', 'package.json', 'package-lock.json'];

/** With all dependencies except development ones; throws for a folder without a package.json. */
export function withDependencies(wanted: readonly string[], manifests: ReadonlyMap<string, Manifest>): string[] {
  const folders = new Map([...manifests].map(([folder, { name }]) => [name, folder]));
  const found = new Set<string>();
  const visit = (folder: string): void => {
    const manifest = manifests.get(folder);
    if (manifest === undefined) throw new Error(`${folder} is not a workspace: it has no package.json`);
    if (found.has(folder)) return;
    found.add(folder);
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      const next = folders.get(name);
      if (next !== undefined) visit(next);
    }
  };
  wanted.forEach(visit);
  return [...found].toSorted();
}

/** True for a file, by its path from the root, that an image of these folders holds. */
export const isHeld = (file: string, folders: readonly string[]): boolean =>
  [...ROOT_ENTRIES, ...folders].some((entry) => file === entry || file.startsWith(`${entry}/`));

const readManifest = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

function select(target: string, wanted: readonly string[]): void {
  const workspaces = globSync('{packages,services}/*/package.json').map(dirname);
  const folders = withDependencies(wanted, new Map(workspaces.map((folder) => [folder, readManifest(folder)])));
  for (const entry of [...ROOT_ENTRIES, ...folders])
    cpSync(entry, join(target, 'app', entry), { recursive: true, filter: (path) => !path.endsWith('node_modules') });
  for (const folder of ['.', ...folders]) {
    // Without them, npm installs none, and its bill of materials is right.
    const { devDependencies: _development, ...manifest } = readManifest(folder);
    mkdirSync(join(target, 'manifests', folder), { recursive: true });
    writeFileSync(join(target, 'manifests', folder, 'package.json'), JSON.stringify(manifest, null, 2));
  }
  cpSync('package-lock.json', join(target, 'manifests/package-lock.json'));
}

if (import.meta.main) {
  const [target = '', ...wanted] = process.argv.slice(2);
  select(target, wanted.length === 0 ? PRODUCTION : wanted);
}
