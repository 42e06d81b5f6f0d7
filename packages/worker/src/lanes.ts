/** Of lanes: a due time, as Postgres writes it, below which the lane has no due work. */
export type Floors = ReadonlyMap<string, string>;

/** What a look found. */
export interface Look {
  /** Of the lanes with due work. */
  floors: Floors;
  /** Those of them whose work no process may claim now. */
  idle: ReadonlySet<string>;
  /** Of all other lanes. */
  otherFloor: string;
  /** False if there may be due work in other lanes, too. */
  isWhole: boolean;
}

export interface BegunLook {
  /** Where to begin: of each of these lanes at its floor, of all others at their first row. None in a full look. */
  from: Floors;
  /** Call it without what was found if the look failed. */
  end: (endedAtMs: number, found?: Look) => void;
}

/**
 * The lanes of a queue that have due work, as this process knows them, and where each begins. Claims and looks that
 * begin there pass no rows that were finished long ago, however long an old transaction keeps Postgres from removing
 * them. Looks find other processes' lanes. Only a full look, which passes all rows, finds those below a floor that were
 * committed late.
 */
export interface Lanes {
  isLookDue: (nowMs: number) => boolean;
  beginLook: (nowMs: number) => BegunLook;
  /** False before the first look. */
  isKnown: () => boolean;
  /** The lane has due work. */
  tell: (lane: string) => void;
  floorOf: (lane: string) => string;
  /** All lanes in turn, from the one after `lane`. */
  after: (lane: string) => string[];
}

/** A row whose transaction was open for longer may wait for the next full look. */
export const LATE_MS = 1_000;

/** Looks take at most one part of the time in so many, and so do full looks. */
const LOOK_SHARE = 20;
const FULL_LOOK_SHARE = 100;
/** Shorter than a lease: what another process holds is known before its lease can end. */
const LONGEST_PAUSE_MS = 10_000;
const LONGEST_FULL_PAUSE_MS = 300_000;
/** A full look that took less passed few finished rows: the next one need not begin at empty lanes' floors. */
const QUICK_MS = 10;

export interface LanesOptions {
  /** The shortest pause between two looks. */
  leastPauseMs: number;
}

export function createLanes({ leastPauseMs }: LanesOptions): Lanes {
  let lanes = new Set<string>();
  /** Also of lanes that had due work once. */
  let floors = new Map<string, string>();
  let otherFloor = '-infinity';
  let sorted: string[] | undefined;
  let toldMeanwhile = new Set<string>();
  let isKnown = false;
  const pauses = createPauses(leastPauseMs);

  const take = (found: Look, forgets: boolean): void => {
    isKnown = true;
    sorted = undefined;
    const due = [...found.floors.keys()].filter((lane) => !found.idle.has(lane));
    if (!found.isWhole) {
      for (const lane of due) lanes.add(lane);
      floors = new Map([...floors, ...found.floors]);
      return;
    }
    const empty = forgets ? [] : [...floors.keys()].map((lane) => [lane, found.otherFloor] as const);
    floors = new Map([...empty, ...found.floors]);
    lanes = new Set([...due, ...toldMeanwhile]);
    otherFloor = found.otherFloor;
  };
  return {
    isLookDue: pauses.isDue,
    beginLook: (begunAtMs) => {
      toldMeanwhile = new Set();
      const { isFull, end } = pauses.begin(begunAtMs);
      return {
        from: isFull ? new Map() : floors,
        end: (endedAtMs, found) => {
          end(endedAtMs, found !== undefined);
          if (found !== undefined) take(found, isFull && endedAtMs - begunAtMs < QUICK_MS);
        },
      };
    },
    isKnown: () => isKnown,
    tell: (lane) => {
      toldMeanwhile.add(lane);
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

/** When looks are due, and whether they are full. */
function createPauses(leastPauseMs: number) {
  let isLooking = false;
  let dueAtMs = Number.NEGATIVE_INFINITY;
  let fullDueAtMs = Number.NEGATIVE_INFINITY;
  let lastMs = Number.POSITIVE_INFINITY;
  return {
    isDue: (nowMs: number): boolean => !isLooking && nowMs >= dueAtMs,
    begin: (begunAtMs: number) => {
      isLooking = true;
      const isFull = begunAtMs >= fullDueAtMs;
      return {
        isFull,
        end: (endedAtMs: number, isDone: boolean): void => {
          isLooking = false;
          const tookMs = endedAtMs - begunAtMs;
          // A full look that takes long puts off no other.
          lastMs = isFull ? Math.min(tookMs, lastMs) : tookMs;
          dueAtMs = endedAtMs + Math.min(Math.max(lastMs * (LOOK_SHARE - 1), leastPauseMs), LONGEST_PAUSE_MS);
          if (isFull && isDone)
            fullDueAtMs = endedAtMs + Math.min(tookMs * (FULL_LOOK_SHARE - 1), LONGEST_FULL_PAUSE_MS);
          // Postgres hung, and transactions were open for as long.
          else if (tookMs > LATE_MS) fullDueAtMs = Number.NEGATIVE_INFINITY;
        },
      };
    },
  };
}
