import type { Database } from '@pressferry/database';
import { type Floors, LATE_MS, type Look } from '@pressferry/worker';
import { type RawBuilder, sql } from 'kysely';

/** The lanes of one vendor with due work, also if it is leased; idle are those of sites that are not active. */
export async function findLanes(db: Database, vendor: string, from: Floors = new Map()): Promise<Look> {
  const { rows } = await lanesQuery(vendor, from).execute(db);
  const [{ lanes, other_floor: otherFloor } = { lanes: [], other_floor: '-infinity' }] = rows;
  return {
    floors: new Map(lanes.map(([siteId, floor]) => [siteId, floor])),
    idle: new Set(lanes.flatMap(([siteId, , isActive]) => (isActive === true ? [] : [siteId]))),
    otherFloor,
    isWhole: true,
  };
}

/**
 * Reads known lanes from their floors, and walks the index `open_runs_by_lane` from site to site between them, so it
 * reads no backlog. Where no lane is known, it passes all finished rows that an old transaction keeps Postgres from
 * removing. Pairs are compared, because only this index has their order.
 */
export const lanesQuery = (vendor: string, from: Floors): RawBuilder<FoundLanes> => {
  const firstBehind = (lane: string) => sql`(
        select site_id, due_at from open_runs
        where vendor = ${vendor} and site_id > ${sql.ref(`${lane}.site_id`)} and site_id < ${sql.ref(`${lane}.next_known`)}
        order by site_id, due_at limit 1
      ) union all (
        select site_id, due_at from open_runs
        where ${sql.ref(`${lane}.next_known`)} is null and vendor = ${vendor} and site_id > ${sql.ref(`${lane}.site_id`)}
        order by site_id, due_at limit 1
      )`;
  return sql<FoundLanes>`/* find_lanes */
    with recursive known as materialized (
      select site_id, floor, lead(site_id) over (order by site_id) as next_known
      from unnest(${['', ...from.keys()]}::text[], ${['infinity', ...from.values()]}::timestamptz[]) as known (site_id, floor)
    ), other as (
      select first.*, known.next_known from known cross join lateral (${firstBehind('known')}) as first
      union all
      select next.*, other.next_known from other cross join lateral (${firstBehind('other')}) as next
    ), lane as (
      select site_id, due_at from other where due_at <= now()
      union all
      select known.site_id, first.due_at from known cross join lateral (
        select due_at from open_runs
        where vendor = ${vendor}
          and (site_id, due_at) >= (known.site_id, known.floor) and (site_id, due_at) <= (known.site_id, now())
        order by site_id, due_at limit 1
      ) as first
    ), late as (
      select now() - ${LATE_MS} * interval '1 millisecond' as since
    )
    select since::text as other_floor, (
      select coalesce(json_agg(json_build_array(site_id, least(due_at, since)::text,
        (select status from sites where sites.site_id = lane.site_id) = 'active')), '[]') from lane
    ) as lanes
    from late`;
};

interface FoundLanes {
  other_floor: string;
  lanes: [siteId: string, floor: string, isActive: boolean | null][];
}
