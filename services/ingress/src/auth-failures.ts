/** Why a site's request was not believed, for the alert on repeated signature failures. */
export type AuthFailure = (typeof AUTH_FAILURES)[number];
export const AUTH_FAILURES = ['signature', 'token', 'replay'] as const;

/** Requests not believed, by the registered site that they named, over the last ten minutes. */
export interface AuthFailureCounts {
  count: (site: string, reason: AuthFailure) => void;
  /** The sites named to Prometheus, each with its counts. */
  worst: () => { site: string; reason: AuthFailure; count: number }[];
  /** How many sites were refused so often that they would be named if there were room. */
  sites: () => number;
}

const MINUTE_MS = 60_000;
const MINUTES = 10;
/** A forger chooses which site a request names: not every name may become a series. */
const PLACES = 20;
const FROM_COUNT = 5;

/** By reason, one number for each minute; minute n is at n modulo the window. */
interface Window {
  counts: Record<AuthFailure, number[]>;
  minute: number;
}

/**
 * Keeps the counts of every site, and names few of them: one that was refused often gets a place if there is a free one, and keeps it
 * until its window is nearly empty. So forgers can make `PLACES` sites' series within the window, and no more.
 */
export function createAuthFailureCounts(now: () => number): AuthFailureCounts {
  const windows = new Map<string, Window>();
  const placed = new Set<string>();

  /** Forgets the minutes that have left the window. */
  const forward = (window: Window, minute: number): void => {
    const passed = Math.min(minute - window.minute, MINUTES);
    for (let at = 1; at <= passed; at++) {
      for (const reason of AUTH_FAILURES) window.counts[reason][(window.minute + at) % MINUTES] = 0;
    }
    if (passed > 0) window.minute = minute;
  };
  const minuteNow = (): number => Math.floor(now() / MINUTE_MS);

  const totals = (): Map<string, number> => {
    const minute = minuteNow();
    const often = new Map<string, number>();
    for (const [site, window] of windows) {
      forward(window, minute);
      const total = AUTH_FAILURES.reduce((sum, reason) => sum + sumOf(window.counts[reason]), 0);
      if (total === 0) windows.delete(site);
      if (total >= FROM_COUNT) often.set(site, total);
    }
    return often;
  };

  return {
    count: (site, reason) => {
      const minute = minuteNow();
      const window = windows.get(site) ?? { counts: empty(), minute };
      windows.set(site, window);
      forward(window, minute);
      const counts = window.counts[reason];
      counts[minute % MINUTES] = (counts[minute % MINUTES] ?? 0) + 1;
    },
    worst: () => {
      const often = totals();
      for (const site of placed) if (!often.has(site)) placed.delete(site);
      const waiting = [...often].filter(([site]) => !placed.has(site)).sort(([, a], [, b]) => b - a);
      for (const [site] of waiting.slice(0, PLACES - placed.size)) placed.add(site);
      return [...placed].flatMap((site) =>
        AUTH_FAILURES.map((reason) => ({ site, reason, count: sumOf(windows.get(site)?.counts[reason] ?? []) })),
      );
    },
    sites: () => totals().size,
  };
}

const empty = (): Record<AuthFailure, number[]> => ({
  signature: Array(MINUTES).fill(0),
  token: Array(MINUTES).fill(0),
  replay: Array(MINUTES).fill(0),
});

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
