/** Why a site's request was not believed, for the alert on repeated failures. */
export type AuthFailure = (typeof AUTH_FAILURES)[number];
export const AUTH_FAILURES = ['signature', 'token', 'replay'] as const;

/** Requests not believed in the last ten minutes, by the registered site that they named. */
export interface AuthFailureCounts {
  count: (site: string, reason: AuthFailure) => void;
  worst: () => { site: string; reason: AuthFailure; count: number }[];
  /** How many sites were refused often enough to be named if there were room. */
  sites: () => number;
}

const MINUTE_MS = 60_000;
const MINUTES = 10;
/** A forger chooses which site a request names, so not every name may become a series. */
const PLACES = 20;
const FROM_COUNT = 5;

/** One count per minute for each reason; minute n is at n modulo the window. */
interface Window {
  counts: Record<AuthFailure, number[]>;
  minute: number;
}

/**
 * Counts every site and names few. A site that was refused often takes a free place and keeps it until its window is
 * nearly empty, so forgers can make at most `PLACES` sites' series within the window.
 */
export function createAuthFailureCounts(now: () => number): AuthFailureCounts {
  const windows = new Map<string, Window>();
  const placed = new Set<string>();

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
