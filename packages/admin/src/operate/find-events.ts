import { requestId } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import { throughFilters } from './through-filters.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * By request id, idempotency key, run id or result id; or by site and object, newest first. A key is looked up in all
 * registered sites, or in the named one.
 */
export async function findRequestIds(db: Database, text: string, site?: string): Promise<string[]> {
  if (!UUID.test(text)) return site === undefined ? [] : ofObject(db, text, site);
  const id = text.toLowerCase();
  const registered =
    site === undefined ? await db.selectFrom('sites').select('site_id').execute() : [{ site_id: site }];
  // The request id is derived from site and key.
  const ids = [id, ...registered.map(({ site_id }) => requestId(site_id, id))];
  const events = await db.selectFrom('event_keys').select('request_id').where('request_id', 'in', ids).execute();
  if (events.length > 0) return events.map(({ request_id }) => request_id);
  return throughFilters(db, async (tx) => {
    const runs = await tx.selectFrom('runs').select('request_id').where('run_id', '=', id).execute();
    if (runs.length > 0) return runs.map(({ request_id }) => request_id);
    const results = await tx.selectFrom('results').select('request_id').where('result_id', '=', id).execute();
    return results.map(({ request_id }) => request_id);
  });
}

/**
 * First the object's events, by its index, then the newest: in one query the planner may scan all objects' events by
 * time.
 */
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
