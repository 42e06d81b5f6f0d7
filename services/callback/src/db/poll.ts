import { anyFiledAt, type Database } from '@pressferry/database';
import { sql } from 'kysely';
import type { Cursor } from '../model.ts';
import { lockResults } from './lock-results.ts';

export interface PolledResult {
  resultId: string;
  sealedBody: string;
  cursor: Cursor;
}

/** `polled` counts the deliveries that the poll ended. `cursor_unknown`: another database issued the cursor. */
export type Page =
  | { kind: 'page'; results: PolledResult[]; hasMore: boolean; polled: number }
  | { kind: 'cursor_unknown' };

/** A page ends before its sealed bodies exceed this; its first result is always in. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

interface Row {
  filed_at: string;
  result_id: string;
  sealed_body: string;
  commit_xid: string;
  ordinal: string;
}

/**
 * Reads a site's results after a cursor and marks them polled. Reads up to the last settled place only: every later
 * commit gets a later place, so no cursor skips a result. Only transactions that write results count.
 */
export async function pollResults(db: Database, siteId: string, page: { since: Cursor; limit: number }): Promise<Page> {
  const { since, limit } = page;
  return readCommitted(db, async (tx) => {
    const { settled, taken } = await lastPlaces(tx);
    const { rows } = await sql<Row & { bytes_before: string }>`/* poll_results */
      select filed_at::text, result_id, sealed_body, commit_xid, ordinal, bytes_before from (
        select *, sum(octet_length(sealed_body)) over (order by commit_xid, ordinal) - octet_length(sealed_body) as bytes_before
        from (
          select filed_at, result_id, sealed_body, commit_xid, ordinal from results
          where site_id = ${siteId} and commit_xid <= ${settled}::xid8
            and (commit_xid, ordinal) > (${String(since.xid)}::xid8, ${String(since.ordinal)}::bigint)
          order by commit_xid, ordinal limit ${limit + 1}
        ) next
      ) counted
      where bytes_before < ${MAX_PAGE_BYTES}
      order by commit_xid, ordinal`.execute(tx);
    // Beyond every place so far: another database issued it, say before a restore.
    if (rows.length === 0 && since.xid > BigInt(taken)) return { kind: 'cursor_unknown' };
    const shown = rows.slice(0, limit);
    const polled = await markPolled(tx, siteId, shown);
    const isCutByBytes = rows.length <= limit && (await existsAfter(tx, siteId, rows.at(-1), settled));
    return { kind: 'page', results: shown.map(toResult), hasMore: rows.length > limit || isCutByBytes, polled };
  });
}

/** Each statement must see all commits before it: the place is read first, then the rows. */
const readCommitted = <T>(db: Database, work: (tx: Database) => Promise<T>): Promise<T> =>
  db.transaction().setIsolationLevel('read committed').execute(work);

/** `settled` may fall back when a writer is found late. */
async function lastPlaces(db: Database): Promise<{ settled: string; taken: string }> {
  const { rows } = await sql<{ settled: string; taken: string }>`
    select last_settled_place()::text as settled, last_result_place()::text as taken`.execute(db);
  return rows[0] ?? { settled: '0', taken: '0' };
}

/** Seconds that the oldest open transaction that writes results has held polls back; 0 without one. */
export async function measureHeldBack(db: Database): Promise<number> {
  const { rows } = await sql<{ seconds: number }>`
    select coalesce(max(extract(epoch from now() - activity.xact_start)), 0)::float8 as seconds
    from result_writers() join pg_stat_activity activity using (pid)`.execute(db);
  return rows[0]?.seconds ?? 0;
}

async function existsAfter(db: Database, siteId: string, last: Row | undefined, settled: string): Promise<boolean> {
  if (last === undefined) return false;
  const { rows } = await sql`/* poll_exists_after */
    select from results
    where site_id = ${siteId} and commit_xid <= ${settled}::xid8
      and (commit_xid, ordinal) > (${last.commit_xid}::xid8, ${last.ordinal}::bigint) limit 1`.execute(db);
  return rows.length > 0;
}

/** Reads every result of one event, oldest first, and marks them polled. */
export async function pollRequest(
  db: Database,
  siteId: string,
  requestId: string,
): Promise<{ results: PolledResult[]; polled: number }> {
  return readCommitted(db, async (tx) => {
    const { rows: places } = await sql<{ filed_at: string }>`
      select filed_at::text from event_keys where request_id = ${requestId}`.execute(tx);
    const [place] = places;
    if (place === undefined) return { results: [], polled: 0 };
    const { rows } = await sql<Row>`
      select filed_at::text, result_id, sealed_body, commit_xid, ordinal from results
      where filed_at = ${anyFiledAt([place.filed_at])} and site_id = ${siteId} and request_id = ${requestId}
      order by commit_xid, ordinal`.execute(tx);
    const polled = await markPolled(tx, siteId, rows);
    return { results: rows.map(toResult), polled };
  });
}

/** Ends the deliveries of the results shown, dead and missing ones too; acknowledged ones stay so. Returns how many. */
async function markPolled(db: Database, siteId: string, rows: readonly Row[]): Promise<number> {
  const moved = await endOpen(db, siteId, rows);
  const without = rows.filter(({ result_id }) => !moved.has(result_id));
  if (without.length === 0) return moved.size;
  // The storing of a missing delivery takes this lock too, so it is finished or has not begun.
  await lockResults(db, without);
  const late = await endOpen(db, siteId, without);
  const others = without.filter(({ result_id }) => !late.has(result_id));
  const { numAffectedRows } = await sql`
    insert into past_deliveries (filed_at, result_id, site_id, status, finished_at)
    select filed_at, result_id, ${siteId}, 'polled', now()
    from unnest(${others.map(({ filed_at }) => filed_at)}::timestamptz[], ${others.map(({ result_id }) => result_id)}::uuid[])
      as shown (filed_at, result_id)
    order by result_id
    on conflict (filed_at, result_id) do update set status = 'polled', finished_at = now() where past_deliveries.status = 'dead'`.execute(
    db,
  );
  return moved.size + late.size + Number(numAffectedRows ?? 0n);
}

/** Returns the ids of their results. */
async function endOpen(db: Database, siteId: string, rows: readonly Row[]): Promise<Set<string>> {
  if (rows.length === 0) return new Set();
  // One lock order, so two concurrent polls of a site do not deadlock.
  const ids = rows.map(({ result_id }) => result_id).sort();
  const { rows: moved } = await sql<{ result_id: string }>`/* mark_polled */
    with shown as (
      select result_id from open_deliveries where result_id = any(${ids}::uuid[]) and site_id = ${siteId} order by result_id for update
    ), ending as (
      delete from open_deliveries where result_id = any(array(select result_id from shown)) returning open_deliveries.*
    )
    insert into past_deliveries (filed_at, result_id, site_id, status, attempt_count, failure_code, replays, created_at, finished_at)
    select filed_at, result_id, site_id, 'polled', attempt_count, failure_code, replays, created_at, now() from ending
    on conflict do nothing
    returning result_id`.execute(db);
  return new Set(moved.map(({ result_id }) => result_id));
}

const toResult = (row: Row): PolledResult => ({
  resultId: row.result_id,
  sealedBody: row.sealed_body,
  cursor: { xid: BigInt(row.commit_xid), ordinal: BigInt(row.ordinal) },
});
