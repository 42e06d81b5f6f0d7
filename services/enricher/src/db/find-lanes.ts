import type { Database } from '@pressferry/database';
import { LATE_MS, type Look } from '@pressferry/worker';
import { type RawBuilder, sql } from 'kysely';

/** The lanes of one vendor with due work of active sites, also if it is leased. */
export async function findLanes(db: Database, vendor: string): Promise<Look> {
  const { rows } = await lanesQuery(vendor).execute(db);
  const [{ lanes, other_floor: otherFloor } = { lanes: [], other_floor: '-infinity' }] = rows;
  return { floors: new Map(lanes), otherFloor, isWhole: true };
}

/**
 * Walks the index `open_runs_by_lane` from site to site, so it reads no backlog; but it passes all finished rows that
 * an old transaction keeps Postgres from removing. Pairs are compared, because only this index has their order.
 */
export const lanesQuery = (vendor: string): RawBuilder<FoundLanes> => sql<FoundLanes>`/* find_lanes */
    with recursive lane as (
      (select site_id, due_at from open_runs where vendor = ${vendor} and site_id > '' order by site_id, due_at limit 1)
      union all
      select next.* from lane cross join lateral (
        select site_id, due_at from open_runs where vendor = ${vendor} and site_id > lane.site_id order by site_id, due_at limit 1
      ) as next
    ), late as (
      select now() - ${LATE_MS} * interval '1 millisecond' as since
    )
    select since::text as other_floor, (
      select coalesce(json_agg(json_build_array(site_id, least(due_at, since)::text)), '[]') from lane
      where due_at <= now() and (select status from sites where sites.site_id = lane.site_id) = 'active'
    ) as lanes
    from late`;

interface FoundLanes {
  other_floor: string;
  /** Site and floor. */
  lanes: [string, string][];
}
