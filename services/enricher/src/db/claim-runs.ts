import { randomUUID } from 'node:crypto';
import type { Database, StepStatus } from '@pressferry/database';
import { type RawBuilder, sql } from 'kysely';

/** A run whose next step this process may take, with all that the step needs. */
export interface ClaimedRun {
  run_id: string;
  request_id: string;
  site_id: string;
  idempotency_key: string;
  automation: string;
  /** Of the definition that it began under; null in a run of an earlier release. */
  automation_version: string | null;
  vendor: string;
  /** Who holds the lease: unique to this claim, so a late writer of an earlier one is refused. */
  lease_owner: string;
  /** It was claimed before and its worker never came back. */
  was_lost: boolean;
  /** When the claim was sent, by `performance.now()`: from then on the lease runs. */
  takenAtMs: number;
  created_at: Date;
  event_type: string;
  object_ref: string;
  occurred_at: Date;
  received_at: Date;
  traceparent: string | null;
  sealed_body: string;
  steps: ClaimedStep[];
}

export interface ClaimedStep {
  position: number;
  name: string;
  vendor: string;
  status: StepStatus;
  attempt_count: number;
  lost_count: number;
  /** Of its first call. */
  started_at: string | null;
  sealed_output: string | null;
}

export interface Claim {
  vendor: string;
  /** The most runs to claim. */
  limit: number;
  leaseMs: number;
  /** The most runs in flight for one site. */
  perSite: number;
  /** How many this process has in flight, by site. */
  inHandBySite: Readonly<Record<string, number>>;
  /** Sites up to this one were served last; the turn goes on after it. */
  afterSite: string;
  /** Also take runs whose lease has ended: their worker is believed to be gone. */
  takeLost: boolean;
}

/**
 * Claims the due runs of one vendor, site by site in turn, each site's oldest first, skipping what others hold. Only a site that is
 * registered and active has its runs claimed.
 */
export async function claimRuns(db: Database, claim: Claim): Promise<ClaimedRun[]> {
  const takenAtMs = performance.now();
  const { rows } = await claimQuery(claim).execute(db);
  return rows.map((row) => ({ ...row, takenAtMs }));
}

/**
 * The claim as one statement. It walks the index `runs_by_lane` from site to site, so it reads neither a long backlog nor the runs of
 * other vendors. It compares pairs: with `site_id =` and `order by due_at` the planner chose another index and read every older run of
 * the other sites. The status is a scalar subquery: a join may run after the lateral one, and would then lock held runs at each claim.
 */
export function claimQuery(claim: Claim): RawBuilder<Omit<ClaimedRun, 'takenAtMs'>> {
  const owner = randomUUID();
  const { vendor, limit, leaseMs, perSite, inHandBySite, afterSite, takeLost } = claim;
  return sql<Omit<ClaimedRun, 'takenAtMs'>>`/* claim_runs */
    with recursive lane as (
      (select site_id from runs
       where vendor = ${vendor} and status in ('pending', 'running', 'waiting') and site_id > ${afterSite}
       order by site_id limit 1)
      union all
      select (select site_id from runs
        where vendor = ${vendor} and status in ('pending', 'running', 'waiting') and site_id > lane.site_id
        order by site_id limit 1)
      from lane where lane.site_id is not null
    ), due as materialized (
      select run.run_id, run.was_lost
      from lane cross join lateral (
        select run_id, status = 'running' as was_lost from runs
        where vendor = ${vendor} and status in ('pending', 'running', 'waiting')
          and (site_id, due_at) >= (lane.site_id, '-infinity') and (site_id, due_at) <= (lane.site_id, now())
          and (${takeLost} or status <> 'running')
        order by site_id, due_at
        limit greatest(${perSite} - coalesce((${JSON.stringify(inHandBySite)}::jsonb ->> lane.site_id)::integer, 0), 0)
        for update skip locked
      ) as run
      where lane.site_id is not null
        and (select status from sites where sites.site_id = lane.site_id) = 'active'
      limit ${limit}
    ), claimed as (
      update runs set status = 'running', lease_owner = ${owner}, started_at = coalesce(started_at, now()),
        lease_until = now() + ${leaseMs} * interval '1 millisecond', due_at = now() + ${leaseMs} * interval '1 millisecond'
      from due where runs.run_id = due.run_id
      returning runs.run_id, runs.request_id, runs.site_id, runs.idempotency_key, runs.automation, runs.automation_version, runs.vendor,
        runs.lease_owner, runs.created_at, due.was_lost
    )
    select claimed.*, event_type, object_ref, occurred_at, received_at, traceparent, sealed_body,
      (select json_agg(step order by position) from (
        select position, name, vendor, status, attempt_count, lost_count, started_at, sealed_output from steps where steps.run_id = claimed.run_id
      ) as step) as steps
    from claimed join events using (request_id)
    order by claimed.site_id
  `;
}
