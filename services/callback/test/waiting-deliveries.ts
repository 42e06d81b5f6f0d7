import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

export const BATCH = 32;

/** A claim until then may take over leases that have ended. */
export const soon = (): Date => new Date(Date.now() + 3_600_000);

export interface Waiting {
  siteId: string;
  filedAt: string;
  resultId: string;
  requestId: string;
}

/** So many leased deliveries of a new site, whose leases have ended. */
export async function addDeliveries(db: Database): Promise<Waiting[]> {
  const { rows } = await sql<Waiting>`
    with event as (
      insert into events (filed_at, request_id, site_id, idempotency_key, event_type, object_ref, occurred_at, received_at, mode, fingerprint,
        sealed_body)
      select date_trunc('milliseconds', now()), gen_random_uuid(), site_id, gen_random_uuid(), 'post.published', '1', now(), now(), 'live',
        'none', 'sealed'
      from (select gen_random_uuid()::text as site_id) site, generate_series(1, ${BATCH}::integer)
      returning *
    ), result as (
      insert into results (filed_at, result_id, run_id, request_id, site_id, sealed_body, completed_at)
      select filed_at, gen_random_uuid(), gen_random_uuid(), request_id, site_id, 'sealed', now() from event
      returning *
    )
    insert into open_deliveries (filed_at, result_id, run_id, request_id, site_id, completed_at, lease_owner, lease_until)
    select filed_at, result_id, run_id, request_id, site_id, completed_at, 'test', now() from result
    returning site_id as "siteId", filed_at::text as "filedAt", result_id as "resultId", request_id as "requestId"`.execute(
    db,
  );
  return rows;
}
