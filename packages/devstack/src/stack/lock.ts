import { chmod, mkdir } from 'node:fs/promises';
import { tryLock } from '@pressferry/embedded';
import type { DataPaths } from '../paths.ts';

export class InUseError extends Error {
  override name = 'InUseError';
}

/**
 * Makes a missing data directory, and owns it until disposal; rejects with an `InUseError` while another process does.
 */
export async function lockDataDir(paths: DataPaths): Promise<AsyncDisposable> {
  await mkdir(paths.dir, { recursive: true });
  // Root runs Postgres as another user, who must be able to pass through.
  await chmod(paths.dir, process.getuid?.() === 0 ? 0o711 : 0o700);
  const attempt = await tryLock(paths.lock);
  if ('lock' in attempt) return attempt.lock;
  const who = attempt.heldBy === undefined ? '' : ` by process ${attempt.heldBy}`;
  throw new InUseError(`${paths.dir} is in use${who}: stop that stack first, or choose another --data-dir`);
}
