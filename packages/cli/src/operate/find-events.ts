import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The events that a person may mean: by request id, idempotency key, run id or result id; or by site and object, the newest first. */
export async function findRequestIds(db: Database, text: string, site?: string): Promise<string[]> {
  if (!UUID.test(text)) return site === undefined ? [] : ofObject(db, text, site);
  const id = text.toLowerCase();
  const events = await db.selectFrom('events').select('request_id').where('request_id', '=', id).execute();
  const keys = await ofKey(db, id);
  const runs = await db.selectFrom('runs').select('request_id').where('run_id', '=', id).execute();
  const results = await db.selectFrom('results').select('request_id').where('result_id', '=', id).execute();
  return [...new Set([...events, ...keys, ...runs, ...results].map(({ request_id }) => request_id))];
}

/**
 * Keys are indexed by site and key. The recursion steps from site to site in that index, also over sites that were removed, and looks once in
 * each: without it a million events are read one by one.
 */
async function ofKey(db: Database, key: string): Promise<{ request_id: string }[]> {
  const { rows } = await sql<{ request_id: string }>`
    with recursive senders as (
      (select site_id from events order by site_id limit 1)
      union all
      select (select site_id from events where site_id > senders.site_id order by site_id limit 1)
      from senders where senders.site_id is not null
    )
    select found.request_id from senders
    cross join lateral (
      select request_id from events where events.site_id = senders.site_id and idempotency_key = ${key}::uuid
    ) found`.execute(db);
  return rows;
}

/** First all events of the object, by its index; then the newest of them. Asked at once, the planner may go through the events of all objects by time. */
async function ofObject(db: Database, objectRef: string, site: string): Promise<string[]> {
  const rows = await db
    .with(
      (build) => build('found').materialized(),
      (build) =>
        build
          .selectFrom('events')
          .select(['request_id', 'received_at'])
          .where('site_id', '=', site)
          .where('object_ref', '=', objectRef),
    )
    .selectFrom('found')
    .select('request_id')
    .orderBy('received_at', 'desc')
    .limit(20)
    .execute();
  return rows.map(({ request_id }) => request_id);
}
