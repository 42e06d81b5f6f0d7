import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseHealth } from '@pressferry/worker';

export type Health = Pick<DatabaseHealth, 'untilUp' | 'suspect'>;

const RETRY_MS = 500;

/** Does the work once Postgres is up, again if it throws; undefined if `signal` is aborted before. */
export async function onceUp<T>(work: () => Promise<T>, health: Health, signal: AbortSignal): Promise<T | undefined> {
  for (;;) {
    await health.untilUp(signal);
    if (signal.aborted) return undefined;
    try {
      return await work();
    } catch {
      health.suspect();
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
