import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A JSON file of a catalogue folder; `path` is where the operator put it, not where a mount keeps it. */
export interface CatalogueFile {
  name: string;
  path: string;
  text: string;
}

/** The largest file that is read: Kubernetes allows a ConfigMap 1 MiB in all. */
const MAX_FILE_BYTES = 262_144;

/**
 * Reads the JSON files of a folder, by name. A mounted ConfigMap is read through its `..data` link, resolved once, so
 * a swap in the middle never mixes two versions; hidden names (`..data`, `..2026_…`) are not read.
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
