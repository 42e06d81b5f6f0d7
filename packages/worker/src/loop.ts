import { setTimeout as delay } from 'node:timers/promises';
import { orAborted } from './or-aborted.ts';

export interface Wake {
  /** Ends the current wait, or else the next. */
  kick: () => void;
  wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

export function createWake(): Wake {
  let isKicked = false;
  let end = (): void => undefined;
  return {
    kick: () => {
      isKicked = true;
      end();
    },
    wait: async (ms, signal) => {
      if (!isKicked && !signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        end = resolve;
        const timer = setTimeout(resolve, ms);
        signal.addEventListener('abort', end, { once: true });
        await promise;
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
      }
      isKicked = false;
    },
  };
}

/** Disposal waits for the round in flight. */
export interface Loop extends AsyncDisposable {
  /** The next round begins at once, or after the one in flight. */
  kick: () => void;
  /** Resolves once a round succeeded, or when `signal` is aborted. */
  untilFirst: (signal: AbortSignal) => Promise<void>;
}

export interface LoopOptions {
  /** The longest pause between two rounds, asked after each. */
  intervalMs: () => number;
  /** The shortest pause between two rounds, which merges kicks; 0 by default. */
  restMs?: number;
  /**
   * Called with what a round threw. The next begins after `intervalMs` even if kicked, else kicks would make an outage
   * a busy loop.
   */
  onInterruption: (error: unknown) => void;
}

/** Calls `round` at once, at each kick, and at least every `intervalMs`; its signal is aborted on disposal. */
export function startLoop(round: (stopping: AbortSignal) => Promise<void>, options: LoopOptions): Loop {
  const { intervalMs, restMs = 0, onInterruption } = options;
  const wake = createWake();
  const stop = new AbortController();
  const { signal } = stop;
  const first = Promise.withResolvers<void>();
  const pause = (ms: number): Promise<void> => delay(ms, undefined, { signal }).catch(() => undefined);
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await round(signal);
        first.resolve();
        await wake.wait(intervalMs(), signal);
        if (restMs > 0) await pause(restMs);
      } catch (error) {
        onInterruption(error);
        await pause(intervalMs());
      }
    }
  };
  const running = run();
  return {
    kick: wake.kick,
    untilFirst: (other) => orAborted(first.promise, other),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
