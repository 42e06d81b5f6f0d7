import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where servers that were downloaded or prepared once are kept, shared by all test runs of this repository. */
export const CACHE_DIR = fileURLToPath(new URL('../../../.pressferry/cache', import.meta.url));

/** Makes a temporary folder that other OS users may pass through (Postgres runs as its own when we are root). */
export async function temporaryFolder(purpose: string): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `pressferry-${purpose}-`));
  await chmod(path, 0o711);
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}
