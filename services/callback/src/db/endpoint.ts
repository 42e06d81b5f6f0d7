import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

/** Stops the pushes to a site that answered 410, unless its callback URL was changed meanwhile; written to the audit log once. */
export async function stopEndpoint(db: Database, siteId: string, callbackUrl: string): Promise<void> {
  await sql`
    with stopped as (
      update sites set callback_stopped_at = now(), updated_at = now()
      where site_id = ${siteId} and callback_url = ${callbackUrl} and callback_stopped_at is null
      returning site_id
    )
    insert into audit_log (actor, action, site_id, detail)
    select 'callback', 'site.callback_stopped', site_id, '{"reason": "endpoint_gone"}' from stopped`.execute(db);
}
