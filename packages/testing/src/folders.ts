import { chmod, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where servers that were downloaded or prepared once are kept, shared by all test runs of this repository. */
export const CACHE_DIR = fileURLToPath(new URL('../../../.pressferry/cache', import.meta.url));

const MEMORY_DIR = '/dev/shm';
const ENOUGH_BYTES = 1024 ** 3;

/**
 * Makes a temporary folder that other OS users may pass through (Postgres runs as its own when we are root); in memory
 * if there is plenty, as on most Linux machines: making a database then takes 20 ms in place of 180.
 */
export async function temporaryFolder(purpose: string): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(await quickestDir(), `pressferry-${purpose}-`));
  await chmod(path, 0o711);
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}

async function quickestDir(): Promise<string> {
  if (process.env.TMPDIR) return tmpdir();
  const memory = await statfs(MEMORY_DIR).catch(() => undefined);
  return memory && memory.bavail * memory.bsize > ENOUGH_BYTES ? MEMORY_DIR : tmpdir();
}
