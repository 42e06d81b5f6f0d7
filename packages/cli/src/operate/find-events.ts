import type { Database } from '@pressferry/database';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The events that a person may mean: by request id, idempotency key, run id or result id; or by site and object, the newest first. */
export async function findRequestIds(db: Database, text: string, site?: string): Promise<string[]> {
  if (!UUID.test(text)) return site === undefined ? [] : ofObject(db, text, site);
  const id = text.toLowerCase();
  const events = await db
    .selectFrom('events')
    .select('request_id')
    .where((where) => where.or([where('request_id', '=', id), where('idempotency_key', '=', id)]))
    .execute();
  const runs = await db.selectFrom('runs').select('request_id').where('run_id', '=', id).execute();
  const results = await db.selectFrom('results').select('request_id').where('result_id', '=', id).execute();
  return [...new Set([...events, ...runs, ...results].map(({ request_id }) => request_id))];
}

async function ofObject(db: Database, objectRef: string, site: string): Promise<string[]> {
  const rows = await db
    .selectFrom('events')
    .select('request_id')
    .where('site_id', '=', site)
    .where('object_ref', '=', objectRef)
    .orderBy('received_at', 'desc')
    .limit(20)
    .execute();
  return rows.map(({ request_id }) => request_id);
}
