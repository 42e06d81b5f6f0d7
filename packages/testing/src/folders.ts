import { chmod, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Downloaded or prepared servers, shared by all test runs. */
export const CACHE_DIR = fileURLToPath(new URL('../../../.pressferry/cache', import.meta.url));

const MEMORY_DIR = '/dev/shm';
const ENOUGH_BYTES = 1024 ** 3;

/**
 * Other OS users may pass through, because Postgres runs as its own when we are root. In memory if there is plenty:
 * making a database then takes 20 ms instead of 180.
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
