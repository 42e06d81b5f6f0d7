import { type Database, dayOf, makeDay } from '@pressferry/database';

/** Makes sure that the days of events have their partitions before they are stored. */
export interface Days {
  /** Runs `store` once the days are there. */
  storing: <T>(receivedAt: readonly string[], store: () => Promise<T>) => Promise<T>;
}

/** No partition takes the row. */
const CHECK_VIOLATION = '23514';

/**
 *  Most often a day was made days ahead, by the hourly pass; the day of an event that has none,
 * or that was dropped since, is made then: an accepted event is never without a place.
 */
export function createDays(db: Database): Days {
  const known = new Set<string>();
  return {
    storing: async (receivedAt, store) => {
      for (const day of new Set(receivedAt.map(dayOf))) {
        if (known.has(day)) continue;
        await makeDay(db, day);
        known.add(day);
      }
      try {
        return await store();
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === CHECK_VIOLATION) known.clear();
        throw error;
      }
    },
  };
}
