import type { SiteSettings } from './record.ts';

/** A token bucket: its steady rate and its size. `perMinute` 0 lifts the limit. */
export interface Rate {
  perMinute: number;
  burst: number;
}

/** The rate of a site: its own, or the deployment's. Without its own burst, a site may send a minute's worth at once, at most the usual burst. */
export function siteRate({ rate_limit: own }: SiteSettings, fallback: Rate): Rate {
  if (own === undefined) return fallback;
  // A burst below one would let nothing through at all.
  return { perMinute: own.per_minute, burst: Math.max(1, own.burst ?? Math.min(fallback.burst, own.per_minute)) };
}

/** What a site may do unless its settings or the deployment's configuration say otherwise. */
export const SITE_DEFAULTS = { perMinute: 60, burst: 60, maxHeldEvents: 10_000 } as const;
