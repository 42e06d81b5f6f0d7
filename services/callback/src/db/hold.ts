import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

const BATCH = 1_000;
const RESUME_BATCH = 10_000;

/** Holds a batch of due deliveries of sites that take no pushes; returns how many. */
export async function holdDeliveries(db: Database, siteIds: readonly string[]): Promise<number> {
  const { numAffectedRows } = await sql`
    update open_deliveries set status = 'held', lease_owner = null, lease_until = null
    where result_id = any(array(
      select result_id from open_deliveries
      where site_id = any(${siteIds}::text[]) and status = 'pending' and due_at <= now()
        and (lease_until is null or lease_until <= now())
      limit ${BATCH} for update skip locked
    ))`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

/** Costs one index probe a site. */
export async function findHeldSites(db: Database): Promise<string[]> {
  const { rows } = await sql<{ site_id: string }>`/* find_held_sites */
    with recursive held as (
      (select site_id from open_deliveries where status = 'held' order by site_id limit 1)
      union all
      select next.site_id from held cross join lateral (
        select site_id from open_deliveries where status = 'held' and site_id > held.site_id order by site_id limit 1
      ) next
    )
    select site_id from held`.execute(db);
  return rows.map(({ site_id }) => site_id);
}

/**
 * Makes a batch of a site's held deliveries due again, oldest first, one every `spacingMs`. Replicas together keep to
 * that pace, because the next batch begins behind those not yet due. Returns how many.
 */
export async function resumeDeliveries(db: Database, siteId: string, spacingMs: number): Promise<number> {
  const { numAffectedRows } = await sql`
    update open_deliveries d set status = 'pending', due_at = now() + (ramp.before + ramp.place - 1) * ${spacingMs}::int * interval '1 ms'
    from (
      select result_id, row_number() over (order by due_at) as place, (
        select count(*) from open_deliveries
        where site_id = ${siteId} and status = 'pending' and due_at > now() and failure_code is null
      ) as before
      from (
        select result_id, due_at from open_deliveries where site_id = ${siteId} and status = 'held'
        order by due_at limit ${RESUME_BATCH} for update skip locked
      ) held
    ) ramp
    where d.result_id = ramp.result_id`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

/**
 * Makes the deliveries of a site that answers again due early, one every `spacingMs`. Takes only those that failed with
 * one of `codes`: an early try of one that the site itself refused would use up its attempts. Returns how many.
 */
export async function advanceDeliveries(
  db: Database,
  siteId: string,
  waiting: { codes: readonly string[]; spacingMs: number },
): Promise<number> {
  const { numAffectedRows } = await sql`
    with ramp as materialized (
      select result_id, row_number() over (order by due_at) as place from (
        select result_id, due_at from open_deliveries
        where site_id = ${siteId} and status = 'pending' and due_at > now() and lease_owner is null
          and failure_code = any(${waiting.codes}::text[])
        order by due_at limit ${BATCH} for update skip locked
      ) waiting
    )
    update open_deliveries d set due_at = least(d.due_at, now() + (ramp.place - 1) * ${waiting.spacingMs}::int * interval '1 ms')
    from ramp
    -- The join alone may walk the whole index, dead rows too.
    where d.result_id = any(array(select result_id from ramp)) and d.result_id = ramp.result_id`.execute(db);
  return Number(numAffectedRows ?? 0n);
}
