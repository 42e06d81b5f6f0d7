import { sql } from 'kysely';
import type { Queryable } from './read.ts';

/** How a site's callback URL has answered lately, as callback noted it; undefined if it never did. */
export interface EndpointHealth {
  lastSuccessAt: Date | null;
  straightFailures: number;
}

/** Reads the health of a site's present callback URL. */
export async function readEndpointHealth(db: Queryable, siteId: string): Promise<EndpointHealth | undefined> {
  const { rows } = await sql<EndpointHealth>`
    select last_success_at as "lastSuccessAt", straight_failures as "straightFailures"
    from site_endpoints join sites using (site_id, callback_url) where site_id = ${siteId}`.execute(db);
  return rows[0];
}
