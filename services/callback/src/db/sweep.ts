import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

/** How many results had no delivery and got one, and whether nothing more is left behind for now. */
export interface Swept {
  made: number;
  isEnd: boolean;
}

const BATCH = 5_000;

/**
 * Makes the deliveries of results that have none, in the order of their places: each result is looked at once, by one replica, once it is
 * `minAgeMs` old, because a delivery usually comes with the result or soon after. Where the last sweep ended is kept in Postgres.
 */
export async function sweepResults(db: Database, minAgeMs: number): Promise<Swept> {
  return db
    .transaction()
    .setIsolationLevel('read committed')
    .execute(async (tx) => {
      const { rows: marks } = await sql<{ place: string; settled: string }>`
        select place::text, last_settled_place()::text as settled from delivery_sweep for update skip locked`.execute(
        tx,
      );
      const [mark] = marks;
      if (mark === undefined) return { made: 0, isEnd: true };
      const { rows } = await sql<{ seen: number; made: number }>`
        with next as (
          select result_id, site_id, commit_xid, bool_and(completed_at <= now() - ${minAgeMs}::bigint * interval '1 ms')
            over (order by commit_xid, ordinal) as is_old
          from (
            select result_id, site_id, commit_xid, ordinal, completed_at from results
            where commit_xid > ${mark.place}::xid8 and commit_xid <= ${mark.settled}::xid8
            order by commit_xid fetch first ${BATCH} rows with ties
          ) behind
        ), old as (
          select * from next where is_old
        ), made as (
          insert into deliveries (result_id, site_id)
          select result_id, site_id from old
          where not exists (select from deliveries where deliveries.result_id = old.result_id)
          on conflict do nothing
          returning result_id
        ), moved as (
          update delivery_sweep set place = last.commit_xid
          from (select commit_xid from old order by commit_xid desc limit 1) last
        )
        select (select count(*)::integer from old) as seen, (select count(*)::integer from made) as made`.execute(tx);
      const { seen = 0, made = 0 } = rows[0] ?? {};
      return { made, isEnd: seen < BATCH };
    });
}
