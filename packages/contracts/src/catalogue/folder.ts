import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** `path` is where the operator put it, not where a mount keeps it. */
export interface CatalogueFile {
  name: string;
  path: string;
  text: string;
}

/** Kubernetes allows a ConfigMap 1 MiB in all. */
const MAX_FILE_BYTES = 262_144;

/**
 * Sorted by name. Reads a mounted ConfigMap through its `..data` link, resolved once, so a swap never mixes two
 * versions; skips hidden names (`..data`, `..2026_…`).
 */
export function readFolder(folder: string): CatalogueFile[] {
  const root = realpathSync(mountedVersion(folder));
  return readdirSync(root)
    .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
    .sort()
    .map((name) => ({ name, path: join(folder, name), text: readText(join(root, name), name) }));
}

function mountedVersion(folder: string): string {
  const link = join(folder, '..data');
  return statSync(link, { throwIfNoEntry: false })?.isDirectory() ? link : folder;
}

function readText(path: string, name: string): string {
  const { size } = statSync(path);
  if (size > MAX_FILE_BYTES) throw new Error(`${name} is larger than ${MAX_FILE_BYTES} bytes`);
  return readFileSync(path, 'utf8');
}
