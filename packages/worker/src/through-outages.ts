import { setTimeout as delay } from 'node:timers/promises';
import { type Backoff, backoffMs } from './backoff.ts';
import type { DatabaseHealth } from './health.ts';

export interface OutageOptions {
  health: Pick<DatabaseHealth, 'suspect' | 'untilUp'>;
  signal: AbortSignal;
  onError?: (error: unknown) => void;
}

const RETRY: Backoff = { baseMs: 100, capMs: 2_000 };

/** Works once Postgres is up, and again, with backoff, after each error; undefined if `signal` is aborted first. */
export async function throughOutages<T>(work: () => Promise<T>, options: OutageOptions): Promise<T | undefined> {
  const { health, signal, onError } = options;
  for (let failures = 1; ; failures++) {
    await health.untilUp(signal);
    if (signal.aborted) return undefined;
    try {
      return await work();
    } catch (error) {
      onError?.(error);
      health.suspect();
      await delay(backoffMs(RETRY, failures), undefined, { signal }).catch(() => undefined);
    }
  }
}
