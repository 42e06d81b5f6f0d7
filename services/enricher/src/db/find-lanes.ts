import { type Database, dueLanes } from '@pressferry/database';
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

export const lanesQuery = (vendor: string, from: Floors): RawBuilder<FoundLanes> =>
  sql<FoundLanes>`/* find_lanes */
    with recursive ${dueLanes({ table: 'open_runs', where: sql`vendor = ${vendor}`, after: '', from })}, late as (
      select now() - ${LATE_MS} * interval '1 millisecond' as since
    )
    select since::text as other_floor, (
      select coalesce(json_agg(json_build_array(site_id, least(due_at, since)::text,
        (select status from sites where sites.site_id = lane.site_id) = 'active')), '[]') from lane
    ) as lanes
    from late`;

interface FoundLanes {
  other_floor: string;
  lanes: [siteId: string, floor: string, isActive: boolean | null][];
}
