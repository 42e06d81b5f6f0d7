import { setTimeout as delay } from 'node:timers/promises';

/** A gate that one side opens and the other waits for, once. */
export interface Latch<T = void> {
  readonly isOpen: boolean;
  /** Opens the gate; the first value counts. */
  open(value: T): void;
  /**
   * Resolves to the value once the gate is open; rejects after `timeoutMs` (20 s unless given), naming what was awaited.
   */
  wait(timeoutMs?: number): Promise<T>;
}

/** `what` is named in the error when the latch is not opened in time. */
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
    async wait(timeoutMs = 20_000) {
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
