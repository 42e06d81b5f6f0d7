import { type Database, dayOf, makeDay } from '@pressferry/database';

/** Makes sure that events' days have partitions before they are stored. */
export interface Days {
  storing: <T>(receivedAt: readonly string[], store: () => Promise<T>) => Promise<T>;
}

const CHECK_VIOLATION = '23514';

/**
 * The hourly pass makes most days ahead. An event of another day, or of one that was dropped, gets its day's partitions
 * when it is stored.
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
