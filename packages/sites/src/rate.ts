import type { SiteSettings } from './record.ts';

/** A token bucket; `perMinute` 0 lifts the limit. */
export interface Rate {
  perMinute: number;
  burst: number;
}

/**
 * The site's own rate or the deployment's. Without its own burst, a site may send a minute's worth at once, at most the
 * usual burst.
 */
export function siteRate({ rate_limit: own }: SiteSettings, fallback: Rate): Rate {
  if (own === undefined) return fallback;
  // A burst below one would let nothing through.
  return { perMinute: own.per_minute, burst: Math.max(1, own.burst ?? Math.min(fallback.burst, own.per_minute)) };
}

export const SITE_DEFAULTS = { perMinute: 60, burst: 60, maxHeldEvents: 10_000 } as const;
