import { randomUUID } from 'node:crypto';
import { anyFiledAt, type Database, type StepStatus } from '@pressferry/database';
import { tryUntil } from '@pressferry/worker';
import { type RawBuilder, sql } from 'kysely';

/** A claimed run, with all that its next step needs. */
export interface ClaimedRun {
  /** The timestamp of the partitions that hold its rows, as Postgres writes it. */
  filed_at: string;
  run_id: string;
  request_id: string;
  site_id: string;
  idempotency_key: string;
  automation: string;
  /** The definition that it began under; null in a run of an earlier release. */
  automation_version: string | null;
  vendor: string;
  /** Unique to this claim, so a late writer of an earlier one is refused. */
  lease_owner: string;
  was_lost: boolean;
  /** When the claim was sent, by `performance.now()`: the lease runs from then. */
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
  type: string;
  vendor: string;
  status: StepStatus;
  attempt_count: number;
  lost_count: number;
  /** Of its first call. */
  started_at: string | null;
  /** Of the previous call's span. */
  last_traceparent: string | null;
  sealed_output: string | null;
  /** A person's, at an `approve` step. */
  decision?: 'approved' | 'rejected' | null;
  decided_by?: string | null;
  decided_at?: string | null;
  decision_reason?: string | null;
  sealed_reason?: string | null;
}

/** Of a lease, the time in which what the work needs must be read. */
const READ_SHARE = 1 / 2;

export interface Claim {
  vendor: string;
  limit: number;
  leaseMs: number;
  /** In the order of their turns. */
  lanes: readonly ClaimedLane[];
  /** As `takeOverUntil` of the leases. */
  takeOverUntil: Date | null;
}

/** The vendor's runs of one site. */
export interface ClaimedLane {
  siteId: string;
  /** The due time from which it is read, as Postgres writes it. */
  floor: string;
  /** The most runs to claim. */
  quota: number;
}

/**
 * Claims due runs of one vendor, lane by lane, each lane's oldest first, skipping locked ones. Only registered, active
 * sites take part.
 */
export async function claimRuns(db: Database, claim: Claim): Promise<ClaimedRun[]> {
  const takenAtMs = performance.now();
  const { rows } = await claimQuery(claim).execute(db);
  if (rows.length === 0) return [];
  // Given up, the runs would wait for the end of their leases, and count as lost by a worker.
  const events = await tryUntil(() => readEvents(db, rows), takenAtMs + claim.leaseMs * READ_SHARE);
  // Its event was erased meanwhile.
  return rows.flatMap((row) => {
    const event = events.get(row.request_id);
    return event === undefined ? [] : [{ ...row, ...event, takenAtMs }];
  });
}

type ClaimedRow = Omit<ClaimedRun, 'takenAtMs' | keyof EventOfRun>;
type EventOfRun = Pick<
  ClaimedRun,
  'event_type' | 'object_ref' | 'occurred_at' | 'received_at' | 'traceparent' | 'sealed_body'
>;

async function readEvents(db: Database, runs: readonly ClaimedRow[]): Promise<Map<string, EventOfRun>> {
  const { rows } = await sql<EventOfRun & { request_id: string }>`
    select request_id, event_type, object_ref, occurred_at, received_at, traceparent, sealed_body from events
    where filed_at = ${anyFiledAt(runs.map(({ filed_at }) => filed_at))}
      and request_id = any(${[...new Set(runs.map(({ request_id }) => request_id))]}::uuid[])
  `.execute(db);
  return new Map(rows.map(({ request_id, ...event }) => [request_id, event]));
}

/**
 * Reads each lane in the index `open_runs_by_lane` from its floor, so it reads neither a long backlog nor finished rows
 * that an old transaction keeps. Claims change no indexed column: claimed runs stay in their lanes and are skipped.
 * Pairs are compared, because only this index has their order. The status is a scalar subquery: a join may run after
 * the lateral one and would then lock held runs at each claim.
 */
export function claimQuery(claim: Claim): RawBuilder<ClaimedRow> {
  const owner = randomUUID();
  const { vendor, limit, leaseMs, lanes, takeOverUntil } = claim;
  return sql<ClaimedRow>`/* claim_runs */
    with due as materialized (
      select run.run_id, run.was_lost
      from unnest(${lanes.map(({ siteId }) => siteId)}::text[], ${lanes.map(({ floor }) => floor)}::timestamptz[],
        ${lanes.map(({ quota }) => quota)}::integer[]) as lane (site_id, floor, quota)
      cross join lateral (
        select run_id, status = 'running' as was_lost from open_runs
        where vendor = ${vendor}
          and (site_id, due_at) >= (lane.site_id, lane.floor) and (site_id, due_at) <= (lane.site_id, now())
          and (status <> 'running' or (lease_until <= now() and now() <= ${takeOverUntil}::timestamptz))
        order by site_id, due_at
        limit lane.quota
        for update skip locked
      ) as run
      where (select status from sites where sites.site_id = lane.site_id) = 'active'
      limit ${limit}
    ), claimed as (
      update open_runs set status = 'running', lease_owner = ${owner}, started_at = coalesce(started_at, now()),
        lease_until = now() + ${leaseMs} * interval '1 millisecond'
      where run_id = any(array(select run_id from due))
      returning filed_at::text, run_id, request_id, site_id, idempotency_key, automation, automation_version, vendor, lease_owner, created_at
    )
    select claimed.*, run_id in (select run_id from due where due.was_lost) as was_lost, (select json_agg(step order by position) from (
        select position, name, type, vendor, status, attempt_count, lost_count, started_at, last_traceparent, sealed_output,
          decision, decided_by, decided_at, decision_reason, sealed_reason
        from open_steps where open_steps.run_id = claimed.run_id
      ) as step) as steps
    from claimed
  `;
}
