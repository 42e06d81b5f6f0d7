import { sql } from 'kysely';
import type { Queryable } from './read.ts';

/** As callback last wrote it; undefined if it never did. */
export interface EndpointHealth {
  lastSuccessAt: Date | null;
  straightFailures: number;
}

export async function readEndpointHealth(db: Queryable, siteId: string): Promise<EndpointHealth | undefined> {
  const { rows } = await sql<EndpointHealth>`
    select last_success_at as "lastSuccessAt", straight_failures as "straightFailures"
    from site_endpoints join sites using (site_id, callback_url) where site_id = ${siteId}`.execute(db);
  return rows[0];
}
