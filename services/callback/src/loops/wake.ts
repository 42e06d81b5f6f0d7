/** Wakes a loop early. A kick while the loop works is remembered: it then works once more before it sleeps. */
export interface Wake {
  kick: () => void;
  /** Resolves at the next kick, at the latest after `timeoutMs`. */
  sleep: (timeoutMs: number) => Promise<void>;
}

/** Makes a wake for one loop. */
export function createWake(): Wake {
  let isKicked = false;
  let wakeUp = (): void => undefined;
  return {
    kick: () => {
      isKicked = true;
      wakeUp();
    },
    sleep: async (timeoutMs) => {
      if (!isKicked) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs);
          wakeUp = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      isKicked = false;
    },
  };
}

/** A loop that runs until it is disposed; disposal waits for the round in hand. */
export interface Loop extends AsyncDisposable {
  kick: () => void;
}

/** Calls `round` at each kick and at least every `intervalMs`. A round that throws is reported and tried again after the interval. */
export function startLoop(
  round: () => Promise<void>,
  intervalMs: () => number,
  onInterruption: (error: unknown) => void,
): Loop {
  const wake = createWake();
  let isStopped = false;
  const run = async (): Promise<void> => {
    while (!isStopped) {
      try {
        await round();
        if (!isStopped) await wake.sleep(intervalMs());
      } catch (error) {
        onInterruption(error);
        // Kicks do not count here: they would turn an outage into a busy loop.
        await new Promise((resolve) => setTimeout(resolve, intervalMs()));
      }
    }
  };
  const running = run();
  return {
    kick: wake.kick,
    async [Symbol.asyncDispose]() {
      isStopped = true;
      wake.kick();
      await running;
    },
  };
}
