import { type Database, dueLanes } from '@pressferry/database';
import { type Floors, LATE_MS, type Look } from '@pressferry/worker';
import { type RawBuilder, sql } from 'kysely';

export const MAX_SITES = 5_000;

interface BreakerRule {
  failures: number;
}

export interface Found {
  /** Sites that have a due delivery without a lease; not those whose endpoint rests until its next probe. */
  due: string[];
  /** Of all sites with due deliveries, leased ones too. */
  look: Look;
  /** After which site the next search begins: after the last one if there may be more. */
  next: string;
}

export interface Beginning {
  /** The site behind which to begin. */
  after: string;
  /** Of known sites behind that one. */
  from: Floors;
}

/**
 * Looks at the sites in the order of their ids until it has found `MAX_SITES` with due deliveries. Costs one index probe
 * a site, however long the backlogs are; but where no site is known, it passes all finished rows that an old transaction
 * keeps Postgres from removing.
 */
export async function findDueSites(db: Database, breaker: BreakerRule, beginning: Beginning): Promise<Found> {
  const { rows } = await sitesQuery(breaker, beginning).execute(db);
  const sites = rows.filter((row): row is FoundRow => row.site_id !== null);
  const isEnd = sites.length < MAX_SITES;
  return {
    due: sites.flatMap(({ site_id, is_due }) => (is_due ? [site_id] : [])),
    look: {
      floors: new Map(sites.map(({ site_id, floor }) => [site_id, floor])),
      idle: new Set(),
      otherFloor: rows[0]?.other_floor ?? '-infinity',
      isWhole: isEnd && beginning.after === '',
    },
    next: isEnd ? '' : (sites.at(-1)?.site_id ?? ''),
  };
}

export const sitesQuery = (breaker: BreakerRule, beginning: Beginning): RawBuilder<Row> =>
  sql<Row>`/* find_due_sites */
    with recursive ${dueLanes({ table: 'open_deliveries', where: sql`status = 'pending'`, ...beginning })}
    select since::text as other_floor, found.* from (select now() - ${LATE_MS} * interval '1 ms' as since) late
    left join lateral (
      select site_id, least(due_at, since)::text as floor, ${isDue(breaker)} as is_due
      from lane order by site_id limit ${MAX_SITES}
    ) found on true`;

/** Scalar subqueries: a plan may carry out `exists` as a join that reads the whole table, dead rows too. */
const isDue = (breaker: BreakerRule) => sql`(
      select d.due_at from open_deliveries d
      where d.site_id = lane.site_id and d.status = 'pending' and d.due_at >= lane.due_at and d.due_at <= now()
        and (d.lease_until is null or d.lease_until <= now())
      order by d.due_at limit 1
    ) is not null and (
      select e.site_id from site_endpoints e join sites s on s.site_id = e.site_id and s.callback_url = e.callback_url
      where e.site_id = lane.site_id and e.straight_failures >= ${breaker.failures} and e.next_probe_at > now()
      limit 1
    ) is null`;

interface FoundRow {
  other_floor: string;
  site_id: string;
  floor: string;
  is_due: boolean;
}

type Row = FoundRow | { other_floor: string; site_id: null };
