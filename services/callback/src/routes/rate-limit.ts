/** A token bucket's settings; `perMinute` 0 lifts the limit. */
export interface Rate {
  perMinute: number;
  burst: number;
}

/** Counts polls per site in this process. */
export interface RateLimiter {
  /** Takes one token: null if there was one, else the ms until there is. */
  take: (siteId: string, rate: Rate, nowMs: number) => number | null;
}

const MAX_SITES = 10_000;

/** A limiter that holds one number for each site: the time at which its bucket is full again (GCRA). */
export function createRateLimiter(): RateLimiter {
  const fullAtMs = new Map<string, number>();
  return {
    take: (siteId, { perMinute, burst }, nowMs) => {
      if (perMinute === 0) return null;
      const intervalMs = 60_000 / perMinute;
      const beforeMs = Math.max(fullAtMs.get(siteId) ?? 0, nowMs);
      const waitMs = beforeMs + intervalMs - nowMs - Math.max(burst, 1) * intervalMs;
      // Less than a microsecond is the rounding of the arithmetic, not a wait.
      if (waitMs > 0.001) return waitMs;
      if (fullAtMs.size >= MAX_SITES) forget(fullAtMs, nowMs);
      fullAtMs.set(siteId, beforeMs + intervalMs);
      return null;
    },
  };
}

/** Drops the buckets that are full again: an absent one means the same. */
function forget(fullAtMs: Map<string, number>, nowMs: number): void {
  for (const [siteId, atMs] of fullAtMs) if (atMs <= nowMs) fullAtMs.delete(siteId);
}
