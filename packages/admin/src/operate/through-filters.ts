import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

const OTHER_SCANS = ['enable_seqscan', 'enable_indexscan', 'enable_indexonlyscan'];

/**
 * Looks for a run's or a result's id without knowing its day. Neither has an index, but each 128 pages of a day have a
 * filter (decision 61). Postgres estimates that it selects every page, and would rather read whole days.
 */
export const throughFilters = <T>(db: Database, read: (tx: Database) => Promise<T>): Promise<T> =>
  db
    .transaction()
    .setAccessMode('read only')
    .execute(async (tx) => {
      await sql`select set_config(name, 'off', true) from unnest(${OTHER_SCANS}::text[]) name`.execute(tx);
      return read(tx);
    });
