import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

/** Transaction ids: the next one, and the oldest whose end some transaction, prepared one or slot may not see. */
export interface Horizon {
  next: bigint;
  oldest: bigint;
}

/**
 * Rows that were deleted since `oldest` stay. Read from columns that every role sees, also of other roles' sessions. A
 * VACUUM keeps no rows.
 */
export async function readHorizon(db: Database): Promise<Horizon> {
  const { rows } = await sql<{ next: string; behind: number }>`
    select pg_snapshot_xmax(pg_current_snapshot())::text as next, coalesce(max(behind), 0) as behind from (
      select greatest(age(backend_xmin), age(backend_xid)) as behind from pg_stat_activity
      where (datname = current_database() or backend_type = 'walsender') and pid <> pg_backend_pid()
        and pid not in (select pid from pg_stat_progress_vacuum)
      union all
      select age(transaction) from pg_prepared_xacts where database = current_database()
      union all
      select age(xmin) from pg_replication_slots
    ) holders`.execute(db);
  const next = BigInt(rows[0]?.next ?? 0);
  return { next, oldest: next - BigInt(rows[0]?.behind ?? 0) };
}
