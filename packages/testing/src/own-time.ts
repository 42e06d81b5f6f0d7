/** Time as this process had it: none passes while its timers do not run on a busy machine. */
export interface OwnTime extends Disposable {
  elapsedMs: () => number;
}

const TICK_MS = 20;

/** What `work` took of this thread's processor time. */
export function ownCpuMs(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  return process.threadCpuUsage(before).user / 1_000;
}

/** For bounds on this process' work that a busy machine must not break. */
export function ownTime(): OwnTime {
  let ticks = 0;
  const timer = setInterval(() => ticks++, TICK_MS);
  return {
    elapsedMs: () => ticks * TICK_MS,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
