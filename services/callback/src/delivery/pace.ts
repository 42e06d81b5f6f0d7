/** How many attempts a site may have in flight: more while its answers stay quick, fewer when they slow down. */
export interface Pace {
  limit: (siteId: string) => number;
  /** The duration from which an attempt at this site counts as slow, ms. */
  slowAfterMs: (siteId: string) => number;
  /** `inFlight` counts this attempt too. */
  succeeded: (siteId: string, durationMs: number, inFlight: number) => void;
  failed: (siteId: string) => void;
}

export interface PaceSettings {
  /** The first limit, and the least while it answers. */
  initial: number;
  max: number;
  slowMs: number;
}

interface Learned {
  limit: number;
  /** An answer's duration while the site is not busy with ours, ms. */
  typicalMs: number;
  /** Until the first slow answer the limit grows by one per answer, then by one per round. */
  isProbing: boolean;
}

/** How far one answer moves the typical duration. */
const DRIFT = 0.05;
const SLOW_FACTOR = 3;
const BACK_OFF = 0.7;

/**
 * Kept in this process only: a site is learned again in a second. A WordPress has few workers, so the limit follows
 * whether more attempts at once are answered as quickly, as TCP finds a path's capacity.
 */
export function createPace(settings: PaceSettings): Pace {
  const learned = new Map<string, Learned>();
  const slowAfterMs = (siteId: string): number => {
    const typicalMs = learned.get(siteId)?.typicalMs;
    return typicalMs === undefined ? settings.slowMs : Math.max(settings.slowMs, SLOW_FACTOR * typicalMs);
  };
  return {
    limit: (siteId) => Math.floor(learned.get(siteId)?.limit ?? settings.initial),
    slowAfterMs,
    succeeded: (siteId, durationMs, inFlight) => {
      const before = learned.get(siteId) ?? { limit: settings.initial, typicalMs: durationMs, isProbing: true };
      const { limit, typicalMs, isProbing } = before;
      const drift = durationMs < typicalMs ? durationMs - typicalMs : (durationMs - typicalMs) * DRIFT;
      if (durationMs > slowAfterMs(siteId)) {
        const lower = Math.max(settings.initial, limit * BACK_OFF);
        learned.set(siteId, { limit: lower, typicalMs: typicalMs + drift, isProbing: false });
        return;
      }
      // A limit that was not half used says nothing about a higher one.
      const isUsed = inFlight * 2 > limit;
      const step = isUsed ? (isProbing ? 1 : 1 / limit) : 0;
      learned.set(siteId, { limit: Math.min(settings.max, limit + step), typicalMs: typicalMs + drift, isProbing });
    },
    failed: (siteId) => void learned.delete(siteId),
  };
}
