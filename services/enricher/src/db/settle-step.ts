import type { Database } from '@pressferry/database';
import { sql } from 'kysely';
import type { FailureCode } from '../vendors/outcome.ts';
import type { ClaimedRun } from './claim-runs.ts';

/** What a step's attempt came to, and where the run goes from here; durations in ms. */
export interface Settlement {
  position: number;
  /** The attempt to record; null where none was made. */
  attempt: {
    number: number;
    startedAt: Date;
    durationMs: number;
    outcome: 'succeeded' | 'retry' | 'failed';
    statusCode: number | null;
    code: FailureCode | null;
  } | null;
  sealedOutput: string | null;
  next: Next;
}

export type Next =
  /** Look at it again in `delayMs`. */
  | { kind: 'again'; delayMs: number }
  | { kind: 'step'; vendor: string }
  | { kind: 'end'; failure: { code: FailureCode; step: string } | null; result: NewResult };

export interface NewResult {
  result_id: string;
  sealed_body: string;
  completedAt: Date;
}

/**
 * Records an attempt and moves its run on, in one statement: attempt, step, run and result, all or none. Returns false, having
 * changed nothing, where the lease is no longer ours.
 */
export async function settleStep(
  db: Database,
  run: Pick<ClaimedRun, 'run_id' | 'request_id' | 'site_id' | 'lease_owner'>,
  settlement: Settlement,
): Promise<boolean> {
  const { position, attempt, sealedOutput, next } = settlement;
  const status = { again: attempt === null ? 'pending' : 'waiting', step: 'pending', end: 'succeeded' }[next.kind];
  const failure = next.kind === 'end' ? next.failure : null;
  const result = next.kind === 'end' ? next.result : null;
  const stepStatus = stepStatusAfter(settlement);
  const { rows } = await sql<{ held: boolean }>`
    with held as (
      update runs set status = ${failure === null ? status : 'failed'}, lease_owner = null, lease_until = null,
        due_at = now() + ${next.kind === 'again' ? next.delayMs : 0} * interval '1 millisecond',
        vendor = coalesce(${next.kind === 'step' ? next.vendor : null}, vendor),
        failure_code = ${failure?.code ?? null}, failed_step = ${failure?.step ?? null},
        finished_at = ${result?.completedAt ?? null}::timestamptz
      where run_id = ${run.run_id} and lease_owner = ${run.lease_owner} and status = 'running'
      returning run_id
    ), this_step as (
      update steps set status = ${stepStatus}, sealed_output = coalesce(${sealedOutput}, sealed_output),
        attempt_count = greatest(attempt_count, ${attempt?.number ?? 0}),
        lost_count = lost_count + ${attempt?.code === 'worker_lost' ? 1 : 0},
        failure_code = ${attempt === null ? (failure?.code ?? null) : attempt.code},
        started_at = coalesce(started_at, ${attempt?.startedAt ?? null}::timestamptz),
        finished_at = case when ${stepStatus} = 'pending' then null else now() end
      from held where steps.run_id = held.run_id and steps.position = ${position} and steps.status = 'pending'
    ), later_steps as (
      update steps set status = 'skipped' from held
      where ${failure !== null} and steps.run_id = held.run_id and steps.position > ${position} and steps.status = 'pending'
    ), new_attempt as (
      insert into step_attempts (run_id, position, attempt, started_at, duration_ms, outcome, status_code, failure_code)
      select run_id, ${position}::integer, ${attempt?.number ?? 0}::integer, ${attempt?.startedAt ?? null}::timestamptz,
        ${attempt?.durationMs ?? 0}::integer, ${attempt?.outcome ?? ''}, ${attempt?.statusCode ?? null}::integer,
        ${attempt?.code ?? null}
      from held where ${attempt !== null}
    ), new_result as (
      insert into results (result_id, run_id, request_id, site_id, sealed_body, completed_at)
      select ${result?.result_id ?? null}::uuid, run_id, ${run.request_id}::uuid, ${run.site_id},
        ${result?.sealed_body ?? null}, ${result?.completedAt ?? null}::timestamptz
      from held where ${result !== null}
    )
    select true as held from held
  `.execute(db);
  return rows.length > 0;
}

function stepStatusAfter({ attempt, next }: Settlement): 'pending' | 'succeeded' | 'failed' {
  if (next.kind === 'again') return 'pending';
  if (attempt?.outcome === 'succeeded') return 'succeeded';
  return 'failed';
}
