import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

export interface ErasureRequest {
  request_id: string;
  site_id: string;
  sealed_body: string;
}

/**
 * The oldest open `subject.erasure_requested` event, without `except`; null if there is none. A dry run asks for
 * nothing.
 */
export async function nextErasureRequest(db: Database, except: readonly string[]): Promise<ErasureRequest | null> {
  const { rows } = await sql<ErasureRequest>`
    select request_id, site_id, sealed_body from events
    where event_type = 'subject.erasure_requested' and mode = 'live'
      and not exists (select from erasure_requests handled where handled.request_id = events.request_id)
      and not (request_id = any(${except}::uuid[]))
    order by received_at limit 1
  `.execute(db);
  return rows[0] ?? null;
}

export async function noteHandled(db: Database, requestId: string): Promise<void> {
  await sql`insert into erasure_requests (request_id) values (${requestId}) on conflict do nothing`.execute(db);
}

/** Sealed, expired ones too: the request may have been signed with one. */
export async function secretsOfSite(db: Database, siteId: string): Promise<string[]> {
  const rows = await db.selectFrom('site_secrets').select('sealed_secret').where('site_id', '=', siteId).execute();
  return rows.map(({ sealed_secret }) => sealed_secret);
}
