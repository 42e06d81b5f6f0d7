/** Time as this process had it: while others keep the machine busy and its timers do not run, none passes. */
export interface OwnTime extends Disposable {
  elapsedMs: () => number;
}

const TICK_MS = 20;

/** Starts now. For a bound on what runs in this process, which a busy machine must not break. */
export function ownTime(): OwnTime {
  let ticks = 0;
  const timer = setInterval(() => ticks++, TICK_MS);
  return {
    elapsedMs: () => ticks * TICK_MS,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
