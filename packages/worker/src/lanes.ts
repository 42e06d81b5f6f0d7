/** What a look found. Due times are as Postgres writes them. */
export interface Look {
  /** By lane with due work: a due time below which it has none. */
  floors: ReadonlyMap<string, string>;
  /** Of all other lanes. */
  otherFloor: string;
  /** False if there may be due work in other lanes, too. */
  isWhole: boolean;
}

/**
 * The lanes of a queue that have due work, as this process knows them, and where each begins. Claims that begin there
 * pass no rows that were finished long ago, however long an old transaction keeps Postgres from removing them. Only a
 * look passes them all: it finds other processes' lanes, and rows below a floor that were committed late.
 */
export interface Lanes {
  isLookDue: (nowMs: number) => boolean;
  /** Call what it returns at the end of the look, without what was found if it failed. */
  beginLook: (nowMs: number) => (endedAtMs: number, found?: Look) => void;
  /** False before the first look. */
  isKnown: () => boolean;
  /** The lane has due work. */
  tell: (lane: string) => void;
  floorOf: (lane: string) => string;
  /** All lanes in turn, from the one after `lane`. */
  after: (lane: string) => string[];
}

/** A row whose transaction was open for longer may wait for the next look. */
export const LATE_MS = 1_000;

/** Looks take at most one part of the time in so many. */
const LOOK_SHARE = 20;
/** Shorter than a lease: what another process holds is known before its lease can end. */
const LONGEST_PAUSE_MS = 10_000;

export interface LanesOptions {
  /** The shortest pause between two looks. */
  leastPauseMs: number;
}

export function createLanes({ leastPauseMs }: LanesOptions): Lanes {
  let lanes = new Set<string>();
  let floors = new Map<string, string>();
  let otherFloor = '-infinity';
  let sorted: string[] | undefined;
  let isLooking = false;
  let toldMeanwhile = new Set<string>();
  let dueAtMs = Number.NEGATIVE_INFINITY;
  let isKnown = false;

  const take = (found: Look): void => {
    isKnown = true;
    sorted = undefined;
    if (!found.isWhole) {
      for (const [lane, floor] of found.floors) {
        lanes.add(lane);
        floors.set(lane, floor);
      }
      return;
    }
    floors = new Map(found.floors);
    lanes = new Set([...floors.keys(), ...toldMeanwhile]);
    otherFloor = found.otherFloor;
  };
  return {
    isLookDue: (nowMs) => !isLooking && nowMs >= dueAtMs,
    beginLook: (begunAtMs) => {
      isLooking = true;
      toldMeanwhile = new Set();
      return (endedAtMs, found) => {
        isLooking = false;
        const pauseMs = (endedAtMs - begunAtMs) * (LOOK_SHARE - 1);
        dueAtMs = endedAtMs + Math.min(Math.max(pauseMs, leastPauseMs), LONGEST_PAUSE_MS);
        if (found !== undefined) take(found);
      };
    },
    isKnown: () => isKnown,
    tell: (lane) => {
      if (isLooking) toldMeanwhile.add(lane);
      if (lanes.has(lane)) return;
      lanes.add(lane);
      sorted = undefined;
    },
    floorOf: (lane) => floors.get(lane) ?? otherFloor,
    after: (lane) => {
      sorted ??= [...lanes].sort();
      const next = sorted.findIndex((other) => other > lane);
      return next <= 0 ? [...sorted] : [...sorted.slice(next), ...sorted.slice(0, next)];
    },
  };
}
