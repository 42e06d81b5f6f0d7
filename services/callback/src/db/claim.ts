import type { Database } from '@pressferry/database';
import { sql } from 'kysely';
import type { Share } from '../model.ts';

/** A delivery that is ours until its lease ends, with what an attempt needs. */
export interface Claim {
  resultId: string;
  siteId: string;
  /** The place in the retry schedule: 1 for the first attempt. */
  attempt: number;
  requestId: string;
  /** Null if the event was erased. */
  idempotencyKey: string | null;
  runId: string;
  completedAtMs: number;
  sealedBody: string;
  traceparent: string | null;
}

/** How many sites one search may find. */
export const MAX_SITES = 5_000;

/**
 * The sites that have a due delivery that no worker holds, except for those whose endpoint rests until its next probe: one index probe a site,
 * however long their backlogs are. In the order of their ids, from the one after `after`, at most `MAX_SITES`.
 */
export async function findDueSites(db: Database, breaker: { failures: number }, after: string): Promise<string[]> {
  const { rows } = await sql<{ site_id: string }>`/* find_due_sites */
    with recursive pending as (
      (select site_id from deliveries where status = 'pending' and site_id > ${after} order by site_id limit 1)
      union all
      select next.site_id from pending cross join lateral (
        select site_id from deliveries where status = 'pending' and site_id > pending.site_id order by site_id limit 1
      ) next
    )
    select site_id from pending where exists (
      select from deliveries d
      where d.site_id = pending.site_id and d.status = 'pending' and d.due_at <= now()
        and (d.lease_until is null or d.lease_until <= now())
    ) and not exists (
      select from site_endpoints e join sites s on s.site_id = e.site_id and s.callback_url = e.callback_url
      where e.site_id = pending.site_id and e.straight_failures >= ${breaker.failures} and e.next_probe_at > now()
    )
    limit ${MAX_SITES}`.execute(db);
  return rows.map(({ site_id }) => site_id);
}

/** What a claim found: deliveries that are ours now, and those whose results were erased meanwhile. */
export interface Claims {
  claims: Claim[];
  erased: string[];
}

/**
 * Claims each site's oldest due deliveries, at most its quota. Counts the attempt at once, so a result that kills its worker
 * runs out of attempts; if a lease ran out, the lost attempt is stored as `worker_lost`.
 */
export async function claimDeliveries(
  db: Database,
  shares: readonly Share[],
  lease: { owner: string; leaseMs: number },
): Promise<Claims> {
  const { rows } = await sql<Row>`/* claim_deliveries */
    with share as (
      select * from unnest(${shares.map(({ siteId }) => siteId)}::text[], ${shares.map(({ quota }) => quota)}::int[])
        as share (site_id, quota)
    ), picked as (
      select due.* from share cross join lateral (
        select result_id, lease_owner, lease_until from deliveries d
        where d.site_id = share.site_id and d.status = 'pending' and d.due_at <= now()
          and (d.lease_until is null or d.lease_until <= now())
        order by d.due_at limit share.quota for update skip locked
      ) due
    ), lost as (
      insert into attempts (result_id, attempt, started_at, duration_ms, outcome, failure_code)
      select p.result_id, 1 + (select coalesce(max(a.attempt), 0) from attempts a where a.result_id = p.result_id),
        p.lease_until, 0, 'retry', 'worker_lost'
      from picked p where p.lease_owner is not null
    ), claimed as (
      update deliveries d set attempt_count = d.attempt_count + 1, lease_owner = ${lease.owner},
        lease_until = now() + ${lease.leaseMs}::int * interval '1 ms'
      from picked where d.result_id = picked.result_id
      returning d.result_id, d.site_id, d.attempt_count, d.due_at
    )
    select c.result_id, c.site_id, c.attempt_count, r.request_id, r.run_id, r.completed_at, r.sealed_body, e.traceparent,
      e.idempotency_key
    from claimed c left join results r using (result_id) left join events e on e.request_id = r.request_id
    order by c.due_at`.execute(db);
  return {
    claims: rows.flatMap((row) => (row.request_id === null ? [] : [toClaim(row)])),
    erased: rows.flatMap(({ result_id, request_id }) => (request_id === null ? [result_id] : [])),
  };
}

interface Row {
  result_id: string;
  site_id: string;
  attempt_count: number;
  /** This and what follows is null if the result was erased. */
  request_id: string | null;
  run_id: string | null;
  completed_at: Date | null;
  sealed_body: string | null;
  traceparent: string | null;
  idempotency_key: string | null;
}

const toClaim = (row: Row): Claim => ({
  resultId: row.result_id,
  siteId: row.site_id,
  attempt: row.attempt_count,
  requestId: row.request_id ?? '',
  idempotencyKey: row.idempotency_key,
  runId: row.run_id ?? '',
  completedAtMs: row.completed_at?.getTime() ?? 0,
  sealedBody: row.sealed_body ?? '',
  traceparent: row.traceparent,
});

/** Removes deliveries whose results are gone. */
export async function dropErased(db: Database, resultIds: readonly string[]): Promise<void> {
  await sql`delete from deliveries where result_id = any(${resultIds}::uuid[])
    and not exists (select from results where results.result_id = deliveries.result_id)`.execute(db);
}

/** Prolongs the leases of the deliveries in flight; resolves to those that are still ours. */
export async function renewLeases(
  db: Database,
  resultIds: readonly string[],
  lease: { owner: string; leaseMs: number },
): Promise<Set<string>> {
  // Skip rows that a poll has locked: to take several locks in another order than a poll does can deadlock.
  const { rows } = await sql<{ result_id: string }>`/* renew_leases */
    with renewed as (
      update deliveries set lease_until = now() + ${lease.leaseMs}::int * interval '1 ms'
      where result_id in (
        select result_id from deliveries where result_id = any(${resultIds}::uuid[]) and lease_owner = ${lease.owner}
        for update skip locked
      )
    )
    select result_id from deliveries where result_id = any(${resultIds}::uuid[]) and lease_owner = ${lease.owner}`.execute(
    db,
  );
  return new Set(rows.map(({ result_id }) => result_id));
}

/** Gives a claimed delivery back as if it had not been claimed: it stays due and its attempt is not counted. */
export async function releaseClaim(db: Database, resultId: string, owner: string): Promise<void> {
  await sql`update deliveries set lease_owner = null, lease_until = null, attempt_count = greatest(attempt_count - 1, 0)
    where result_id = ${resultId} and lease_owner = ${owner}`.execute(db);
}
