/** A process's end. */
export interface Shutdown {
  /** Begin nothing more. */
  stopping: AbortSignal;
  /** Break off work in flight, and give it back. */
  breakingOff: AbortSignal;
  /** Drop what the database does not take. */
  givingUp: AbortSignal;
  /** Begins it; the later phases follow in time. */
  end: (close: () => Promise<unknown>) => Promise<void>;
}

/** Left of the grace, or half of it, when work is broken off; half of this when outcomes are dropped. */
const SETTLE_MS = 2_000;

export function createShutdown(graceMs: number): Shutdown {
  const [stop, breakOff, giveUp] = [new AbortController(), new AbortController(), new AbortController()];
  const settleMs = Math.min(SETTLE_MS, graceMs / 2);
  return {
    stopping: stop.signal,
    breakingOff: breakOff.signal,
    givingUp: giveUp.signal,
    end: async (close) => {
      stop.abort();
      const timers = [
        setTimeout(() => breakOff.abort(), graceMs - settleMs),
        setTimeout(() => giveUp.abort(), graceMs - settleMs / 2),
      ];
      try {
        await close();
      } finally {
        for (const timer of timers) clearTimeout(timer);
      }
    },
  };
}
