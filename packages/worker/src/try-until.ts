import { setTimeout as delay } from 'node:timers/promises';
import { type Backoff, backoffMs } from './backoff.ts';

const RETRY: Backoff = { baseMs: 50, capMs: 500 };

/** Tries again, with backoff, until `work` succeeds; from `untilMs` of `performance.now()` on its next error is final. */
export async function tryUntil<T>(work: () => Promise<T>, untilMs: number): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (error) {
      const pauseMs = backoffMs(RETRY, failures);
      if (performance.now() + pauseMs > untilMs) throw error;
      await delay(pauseMs);
    }
  }
}
