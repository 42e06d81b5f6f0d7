/** How fast calls may be begun at a vendor that has said that they come too fast; times in ms since the epoch. */
export interface Pace {
  /** The calls that may be begun now; Infinity for as long as the vendor has not complained. */
  free: (nowMs: number) => number;
  begin: (nowMs: number) => void;
  took: (nowMs: number) => void;
  /** The vendor refused a call for its rate. */
  limited: (nowMs: number) => void;
  /** When `free` next rises; 0 if it does not wait. */
  nextAtMs: (nowMs: number) => number;
}

/** Of what the vendor took, so much is tried at first. */
const CUT = 0.8;
const GROWTH = 1.1;
const GROWS_EVERY_MS = 10_000;
/** A pace that fast is none. */
const NO_PACE = 1_000;
const LEAST_PER_SECOND = 0.1;
/** Over how long what a vendor took is counted. */
const WINDOW_S = 10;

const recent = <T extends { second: number }>(taken: readonly T[], now: number): T[] =>
  taken.filter(({ second }) => now - second < WINDOW_S);

/**
 * Makes a pace that is learnt: at a refusal it falls to eight tenths of what the vendor took a second just before, then it rises by a
 * tenth each ten seconds. The vendor's limits are known to no one else: they differ by account, and other programs use them up too.
 */
export function createPace(): Pace {
  let perSecond: number | null = null;
  let tokens = 0;
  let filledAtMs = 0;
  let grownAtMs = 0;
  /** What the vendor took, by second. */
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
    // At most a second's worth at once, and always room for one.
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
