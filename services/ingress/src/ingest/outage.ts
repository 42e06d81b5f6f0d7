export interface Outage {
  onDisconnect: () => void;
  /** About half of the outage so far, 2 to 30 s. */
  retryAfter: () => number;
}

const MAX_RETRY_AFTER = 30;

export function createOutage(isUp: () => boolean, nowMs: () => number = performance.now.bind(performance)): Outage {
  let downSinceMs: number | undefined;
  return {
    onDisconnect: () => {
      downSinceMs ??= nowMs();
    },
    retryAfter: () => {
      if (isUp()) downSinceMs = undefined;
      const seconds = downSinceMs === undefined ? 0 : (nowMs() - downSinceMs) / 1000;
      return Math.min(MAX_RETRY_AFTER, Math.max(2, Math.ceil(seconds / 2)));
    },
  };
}
