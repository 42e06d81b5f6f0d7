/** How many attempts one site may have in flight: more while its answers stay as quick, fewer when they slow down. */
export interface Pace {
  limit: (siteId: string) => number;
  /** From when on an attempt takes longer than this site's usually do, ms. */
  slowAfterMs: (siteId: string) => number;
  /** An attempt was acknowledged after `durationMs`; `inFlight` counts it and the site's others. */
  succeeded: (siteId: string, durationMs: number, inFlight: number) => void;
  /** The site failed: it starts again. */
  failed: (siteId: string) => void;
}

export interface PaceSettings {
  /** What a site begins with, and what it always may have while it answers. */
  initial: number;
  max: number;
  /** Answers quicker than this are never slow, ms. */
  slowMs: number;
}

interface Learned {
  limit: number;
  /** What an answer takes while the site is not busy with ours, ms. */
  typicalMs: number;
  /** Until the first slow answer the limit grows by one an answer, then by one a round. */
  isProbing: boolean;
}

/** How far a quieter or a busier site moves the typical value. */
const DRIFT = 0.05;
const SLOW_FACTOR = 3;
const BACK_OFF = 0.7;

/**
 * Makes paces for all sites, kept in this process only: a site is learned again in a second. A WordPress has few workers, so what
 * decides is not our slots but whether more attempts at once are still answered as quickly (as TCP finds what a path carries).
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
