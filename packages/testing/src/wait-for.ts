import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  what: string;
  timeoutMs?: number;
  everyMs?: number;
  /** Of its questions: a bound in time that a slow machine makes longer. */
  most?: number;
}

/**
 * Repeats `predicate` until it is truthy; rejects after `timeoutMs` (45 s by default, for a busy machine) with its last
 * error.
 */
export async function waitFor<T>(
  predicate: () => T | Promise<T>,
  { what, timeoutMs = 45_000, everyMs = 10, most = Number.POSITIVE_INFINITY }: WaitOptions,
): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  const deadline = performance.now() + timeoutMs;
  let lastError: unknown;
  for (let asked = 1; ; asked++) {
    try {
      const value = await predicate();
      if (value) return value as Exclude<T, undefined | null | false | 0 | ''>;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (asked >= most) throw new Error(`asked ${most} times for ${what}`, { cause: lastError });
    if (performance.now() >= deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause: lastError });
    await delay(everyMs);
  }
}
