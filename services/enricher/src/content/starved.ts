/** After so many the machine is too busy to tell. */
const TRIES = 4;

/**
 * Liquid's limits are by the clock, so work exceeds them too when its thread waits for a processor. Such work, which had one
 * for less than a quarter of `limitMs`, is done again.
 */
export function unlessStarved<T extends { kind: string }>(limitMs: number, work: () => T): T {
  for (let tries = 1; ; tries++) {
    const before = process.threadCpuUsage();
    const done = work();
    if (done.kind !== 'over_limits' || tries === TRIES) return done;
    const { user, system } = process.threadCpuUsage(before);
    if ((user + system) / 1_000 > limitMs / 4) return done;
  }
}
