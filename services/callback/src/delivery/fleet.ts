/** Suspects our own network, resolver or clock when too many endpoints fail at once. */
export interface FleetWatch {
  succeeded: (siteId: string, nowMs: number) => void;
  /** The endpoint's previous attempt had been acknowledged. */
  failed: (siteId: string, nowMs: number) => void;
  /** The endpoints that began to fail within the window, and how many were tried in it. */
  recent: (nowMs: number) => { failed: string[]; tried: number };
  isSuspect: (nowMs: number) => boolean;
}

const WINDOW_MS = 30_000;
const MIN_SITES = 20;
/** The share of failing sites above which we suspect ourselves. */
const SUSPECT_SHARE = 0.2;

/** A site counts once, by its last sighting within the window. */
export function createFleetWatch(): FleetWatch {
  // In order of the last sighting: the oldest are dropped from the front.
  const seen = new Map<string, { atMs: number; isFailed: boolean }>();
  let failures = 0;

  const forget = (siteId: string): void => {
    if (seen.get(siteId)?.isFailed === true) failures--;
    seen.delete(siteId);
  };
  const note = (siteId: string, isFailed: boolean, nowMs: number): void => {
    forget(siteId);
    seen.set(siteId, { atMs: nowMs, isFailed });
    if (isFailed) failures++;
    prune(nowMs);
  };
  const prune = (nowMs: number): void => {
    for (const [siteId, { atMs }] of seen) {
      if (atMs > nowMs - WINDOW_MS) return;
      forget(siteId);
    }
  };
  return {
    succeeded: (siteId, nowMs) => note(siteId, false, nowMs),
    failed: (siteId, nowMs) => note(siteId, true, nowMs),
    recent: (nowMs) => {
      prune(nowMs);
      return { failed: [...seen].flatMap(([siteId, { isFailed }]) => (isFailed ? [siteId] : [])), tried: seen.size };
    },
    isSuspect: (nowMs) => {
      prune(nowMs);
      return seen.size >= MIN_SITES && failures > SUSPECT_SHARE * seen.size;
    },
  };
}
