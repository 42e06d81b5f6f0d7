/** Lets a loop wait for the next thing to do. */
export interface Wake {
  /** Ends the wait, the present one or else the next. */
  kick: () => void;
  /** Resolves at a kick, after `ms`, or when `signal` is aborted. */
  wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Makes a wake for one waiting loop. */
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
