import type { Database } from '@pressferry/database';
import { sql } from 'kysely';
import { OWN_STEPS, type WaitingFor } from '../model.ts';
import type { ClaimedRun } from './claim-runs.ts';

/** The site's status, or that it is not registered. */
export const HELD_BY = ['paused', 'disabled', 'unregistered'] as const;
export type HeldBy = (typeof HELD_BY)[number];

export interface QueueState {
  due: number;
  oldestDueAgeSeconds: number;
  unpublished: number;
  /** Open runs that no worker claims because of their site. */
  held: Record<HeldBy, number>;
  waiting: Record<WaitingFor, number>;
  /** Of the run that has waited longest for a person; 0 if none waits. */
  oldestApprovalAgeSeconds: number;
  /** The largest share of its timeout that such a run has waited, 0 to 1. */
  approvalTimeoutRatio: number;
}

/** Due and held runs, the age of the oldest due one, and unpublished results; the same for every process. */
export async function readQueue(db: Database): Promise<QueueState> {
  const { rows } = await sql<Row>`
    with open as (
      select coalesce(sites.status, 'unregistered') as status, count(*) filter (where free_at <= now()) as due,
        min(free_at) as oldest, count(*) filter (where lease_until is null or free_at <= now()) as idle
      from (select site_id, lease_until, greatest(due_at, lease_until) as free_at from open_runs) as run
        left join sites using (site_id)
      group by 1
    ), waiting as (
      select step.type, extract(epoch from now() - step.started_at)::float8 as waited,
        extract(epoch from due_at - step.started_at)::float8 as timeout
      from open_runs cross join lateral (
        select type, started_at from open_steps
        where open_steps.run_id = open_runs.run_id and status = 'pending' order by position limit 1
      ) as step
      where vendor = ${OWN_STEPS} and status = 'waiting' and due_at > now()
    )
    select coalesce(sum(due) filter (where status = 'active'), 0)::integer as due,
      coalesce(greatest(extract(epoch from now() - min(oldest) filter (where status = 'active')), 0), 0)::float8 as age,
      coalesce(sum(idle) filter (where status = 'paused'), 0)::integer as paused,
      coalesce(sum(idle) filter (where status = 'disabled'), 0)::integer as disabled,
      coalesce(sum(idle) filter (where status = 'unregistered'), 0)::integer as unregistered,
      (select count(*)::integer from waiting where type = 'delay') as delay,
      (select count(*)::integer from waiting where type = 'approve') as approval,
      (select coalesce(greatest(max(waited), 0), 0) from waiting where type = 'approve') as "approvalAge",
      (select coalesce(greatest(max(waited / nullif(timeout, 0)), 0), 0) from waiting where type = 'approve') as "approvalRatio",
      (select count(*)::integer from results where published_at is null) as unpublished
    from open
  `.execute(db);
  const { due, age, unpublished, delay, approval, approvalAge, approvalRatio, ...held } = rows[0] ?? NOTHING;
  return {
    ...{ due, oldestDueAgeSeconds: age, unpublished, held, waiting: { delay, approval } },
    ...{ oldestApprovalAgeSeconds: approvalAge, approvalTimeoutRatio: approvalRatio },
  };
}

interface Row extends Record<HeldBy | WaitingFor, number> {
  due: number;
  age: number;
  unpublished: number;
  approvalAge: number;
  approvalRatio: number;
}

const NOTHING: Row = {
  ...{ due: 0, age: 0, unpublished: 0, paused: 0, disabled: 0, unregistered: 0, delay: 0, approval: 0 },
  ...{ approvalAge: 0, approvalRatio: 0 },
};

/**
 * Vendors unknown to this process that active sites' runs have waited for since `graceMs`. Reads only what lies between
 * the known ones in the index, so it passes no finished rows of theirs.
 */
export async function unknownVendors(db: Database, known: readonly string[], graceMs: number): Promise<string[]> {
  const { rows } = await sql<Pick<ClaimedRun, 'vendor'>>`/* unknown_vendors */
    with gap as (
      select vendor as above, lead(vendor) over (order by vendor) as below
      from unnest(array['']::text[] || ${known}::text[]) as vendor
    )
    select distinct unknown.vendor from gap cross join lateral (
      select vendor, site_id, due_at, lease_until from open_runs where vendor > gap.above and vendor < gap.below
      union all
      select vendor, site_id, due_at, lease_until from open_runs where vendor > gap.above and gap.below is null
    ) as unknown join sites using (site_id)
    where sites.status = 'active' and greatest(due_at, lease_until) <= now() - ${graceMs} * interval '1 millisecond'
  `.execute(db);
  return rows.map(({ vendor }) => vendor);
}
