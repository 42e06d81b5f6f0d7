/** Time as this process had it: none passes while its timers do not run on a busy machine. */
export interface OwnTime extends Disposable {
  elapsedMs: () => number;
}

const TICK_MS = 20;

/** For bounds on this process' work that a busy machine must not break. */
export function ownTime(): OwnTime {
  let ticks = 0;
  const timer = setInterval(() => ticks++, TICK_MS);
  return {
    elapsedMs: () => ticks * TICK_MS,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
