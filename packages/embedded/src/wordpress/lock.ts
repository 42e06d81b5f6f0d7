import { setTimeout as delay } from 'node:timers/promises';
import { tryLock } from '../process/lock.ts';

const TRY_EVERY_MS = 200;

/** Runs `work` under the lock file; takes over a dead owner's lock. Rejects after `timeoutMs`. */
export async function withLock<T>(
  path: string,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const attempt = await tryLock(path);
    if ('lock' in attempt) {
      await using _held = attempt.lock;
      return await work();
    }
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${path}, held by ${attempt.heldBy}`);
    await delay(TRY_EVERY_MS, undefined, signal ? { signal } : {});
  }
}
