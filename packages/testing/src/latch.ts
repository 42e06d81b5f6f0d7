import { setTimeout as delay } from 'node:timers/promises';

/** One side opens it, the other waits, once. */
export interface Latch<T = void> {
  readonly isOpen: boolean;
  /** The first value counts. */
  open(value: T): void;
  /** Rejects after `timeoutMs` (45 s by default), naming what was awaited. */
  wait(timeoutMs?: number): Promise<T>;
}

export function createLatch<T = void>(what = 'the latch to open'): Latch<T> {
  const { promise, resolve } = Promise.withResolvers<T>();
  let isOpen = false;
  return {
    get isOpen() {
      return isOpen;
    },
    open(value) {
      isOpen = true;
      resolve(value);
    },
    async wait(timeoutMs = 45_000) {
      const timer = new AbortController();
      const late = delay(timeoutMs, undefined, { signal: timer.signal }).then(() => {
        throw new Error(`waited ${timeoutMs} ms for ${what}`);
      });
      late.catch(() => {});
      try {
        return await Promise.race([promise, late]);
      } finally {
        timer.abort();
      }
    },
  };
}
