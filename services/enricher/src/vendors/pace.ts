/** The rate of calls to a vendor that refused some for their rate; times of `performance.now()`. */
export interface Pace {
  /** Infinity until the vendor complains. */
  free: (nowMs: number) => number;
  begin: (nowMs: number) => void;
  took: (nowMs: number) => void;
  limited: (nowMs: number) => void;
  /** When `free` next rises; 0 if it does not wait. */
  nextAtMs: (nowMs: number) => number;
}

/** The share of the vendor's last rate to begin with. */
const CUT = 0.8;
const GROWTH = 1.1;
const GROWS_EVERY_MS = 10_000;
/** A faster pace does not limit. */
const NO_PACE = 1_000;
const LEAST_PER_SECOND = 0.1;
/** How long taken calls are counted. */
const WINDOW_S = 10;

const recent = <T extends { second: number }>(taken: readonly T[], now: number): T[] =>
  taken.filter(({ second }) => now - second < WINDOW_S);

/**
 * Learns a pace: a refusal cuts it to eight tenths of the rate that the vendor just took, then it rises by a tenth each
 * ten seconds. The vendor's limits are unknown: they differ by account, and other programs use them too.
 */
export function createPace(): Pace {
  let perSecond: number | null = null;
  let tokens = 0;
  let filledAtMs = 0;
  let grownAtMs = 0;
  /** By second. */
  let taken: { second: number; calls: number }[] = [];

  const fill = (nowMs: number): void => {
    if (perSecond === null) return;
    while (nowMs - grownAtMs >= GROWS_EVERY_MS && perSecond < NO_PACE) {
      perSecond *= GROWTH;
      grownAtMs += GROWS_EVERY_MS;
    }
    if (perSecond >= NO_PACE) {
      perSecond = null;
      return;
    }
    // At most a second's worth, at least one.
    tokens = Math.min(Math.max(1, perSecond), tokens + ((nowMs - filledAtMs) / 1_000) * perSecond);
    filledAtMs = nowMs;
  };
  return {
    free: (nowMs) => {
      fill(nowMs);
      return perSecond === null ? Number.POSITIVE_INFINITY : Math.floor(tokens + 1e-9);
    },
    begin: (nowMs) => {
      fill(nowMs);
      if (perSecond !== null) tokens -= 1;
    },
    took: (nowMs) => {
      const second = Math.floor(nowMs / 1_000);
      const last = taken.at(-1);
      if (last?.second === second) last.calls++;
      else taken = [...recent(taken, second), { second, calls: 1 }];
    },
    limited: (nowMs) => {
      fill(nowMs);
      const second = Math.floor(nowMs / 1_000);
      const seconds = recent(taken, second);
      const calls = seconds.reduce((sum, each) => sum + each.calls, 0);
      const seen = calls / (second - (seconds[0]?.second ?? second) + 1);
      // A vendor that has taken nothing yet has shown no pace.
      const before = perSecond ?? (calls === 0 ? null : seen);
      if (before !== null) perSecond = Math.max(LEAST_PER_SECOND, Math.min(before, calls === 0 ? before : seen) * CUT);
      tokens = 0;
      filledAtMs = nowMs;
      grownAtMs = nowMs;
      taken = [];
    },
    nextAtMs: (nowMs) => {
      fill(nowMs);
      return perSecond === null || tokens >= 1 ? 0 : Math.ceil(nowMs + ((1 - tokens) / perSecond) * 1_000);
    },
  };
}
