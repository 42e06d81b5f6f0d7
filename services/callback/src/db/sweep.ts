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
      if (mark === undefined || BigInt(mark.settled) <= BigInt(mark.place)) return { made: 0, isEnd: true };
      const { rows: seen } = await sql<Seen>`/* read_results_behind */
        select filed_at::text, result_id, commit_xid::text as place from (
          select filed_at, result_id, commit_xid, bool_and(completed_at <= now() - ${minAgeMs}::bigint * interval '1 ms')
            over (order by commit_xid, ordinal) as is_old
          from (
            select filed_at, result_id, commit_xid, ordinal, completed_at from results
            where commit_xid > ${mark.place}::xid8 and commit_xid <= ${mark.settled}::xid8
            order by commit_xid fetch first ${BATCH} rows with ties
          ) behind
        ) next
        where is_old order by commit_xid`.execute(tx);
      const last = seen.at(-1);
      if (last === undefined) return { made: 0, isEnd: true };
      const made = await makeMissing(tx, seen);
      await sql`update delivery_sweep set place = ${last.place}::xid8`.execute(tx);
      return { made, isEnd: seen.length < BATCH };
    });
}

interface Seen {
  filed_at: string;
  result_id: string;
  place: string;
}

/** Without a name: its plan covers only the days of these results. */
async function makeMissing(db: Database, seen: readonly Seen[]): Promise<number> {
  const days = sql`any(${[...new Set(seen.map(({ filed_at }) => filed_at))]}::timestamptz[])`;
  const { numAffectedRows } = await sql`
    insert into open_deliveries (filed_at, result_id, run_id, request_id, site_id, idempotency_key, traceparent, completed_at)
    select filed_at, result_id, results.run_id, request_id, results.site_id, idempotency_key, traceparent, completed_at
    from results join events using (filed_at, request_id)
    where results.filed_at = ${days} and events.filed_at = ${days}
      and result_id = any(${seen.map(({ result_id }) => result_id)}::uuid[])
      and not exists (select from open_deliveries open where open.result_id = results.result_id)
      and not exists (
        select from past_deliveries past
        where past.filed_at = ${days} and past.filed_at = results.filed_at and past.result_id = results.result_id
      )
    on conflict do nothing`.execute(db);
  return Number(numAffectedRows ?? 0n);
}
