/** What a renewal of leases told of Postgres; times in ms. */
export interface Heard {
  /** By `performance.now()`. */
  sentAtMs: number;
  answeredAtMs: number;
  /** The clock of Postgres when it began the statement. */
  postgresMs: number;
}

/**
 * When a lease that ended shows that its worker is gone. After an outage, a lock, a pause of Postgres or a leap of its
 * clock the worker may live, and gets time to renew first. So work is taken over only while renewals were answered in
 * time for a while, and only by statements that Postgres begins soon after the last one: it may begin them late.
 */
export interface Calm {
  heard: (heard: Heard) => void;
  failed: () => void;
  /** Until when a statement that Postgres begins may take work over, by its clock; null if none may. */
  takeOverUntilMs: (nowMs: number) => number | null;
}

const SLOW_MS = 1_000;
/** Longer than the pause between two renewals, so all workers have tried one. */
const QUIET_SHARE = 1 / 2;

export function createCalm(leaseMs: number): Calm {
  const quietMs = leaseMs * QUIET_SHARE;
  let last: Heard | undefined;
  let calmSinceMs: number | undefined;
  return {
    heard: (heard) => {
      const { sentAtMs, answeredAtMs, postgresMs } = heard;
      const isSlow = answeredAtMs - sentAtMs > SLOW_MS;
      const leapMs = last === undefined ? 0 : postgresMs - last.postgresMs - (sentAtMs - last.sentAtMs);
      if (isSlow) calmSinceMs = undefined;
      else if (calmSinceMs === undefined || Math.abs(leapMs) > SLOW_MS) calmSinceMs = sentAtMs;
      last = heard;
    },
    failed: () => {
      calmSinceMs = undefined;
    },
    takeOverUntilMs: (nowMs) => {
      if (last === undefined || calmSinceMs === undefined) return null;
      return nowMs - calmSinceMs > quietMs ? last.postgresMs + quietMs : null;
    },
  };
}
