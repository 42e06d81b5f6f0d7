/** Whether so many endpoints fail at once that the fault is more likely ours: our network, our resolver, our clock. */
export interface FleetWatch {
  succeeded: (siteId: string, nowMs: number) => void;
  /** An endpoint that had acknowledged last time failed. */
  failed: (siteId: string, nowMs: number) => void;
  /** The endpoints that began to fail within the window, and how many were tried in it. */
  recent: (nowMs: number) => { failed: string[]; tried: number };
  /** True while too large a part of them fails. */
  isSuspect: (nowMs: number) => boolean;
}

export interface FleetSettings {
  windowMs: number;
  /** Fewer sites than this prove nothing. */
  minSites: number;
  /** The part of the sites above which we suspect ourselves. */
  share: number;
}

export const FLEET_SETTINGS: FleetSettings = { windowMs: 30_000, minSites: 20, share: 0.2 };

/** Makes the watch. A site counts once, by the last thing that was seen of it within the window. */
export function createFleetWatch(settings: FleetSettings = FLEET_SETTINGS): FleetWatch {
  // In the order of the last sighting, so the oldest are dropped from the front.
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
      if (atMs > nowMs - settings.windowMs) return;
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
      return seen.size >= settings.minSites && failures > settings.share * seen.size;
    },
  };
}
