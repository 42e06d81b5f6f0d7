import type { Database } from '@pressferry/database';
import { sql } from 'kysely';
import type { FailureCode } from '../model.ts';
import type { ClaimedRun } from './claim-runs.ts';

/** What a step's attempt came to, and where the run goes from here; durations in ms. */
export interface Settlement {
  position: number;
  /** The attempt to record; null if none was made. */
  attempt: {
    number: number;
    startedAt: Date;
    durationMs: number;
    outcome: 'succeeded' | 'retry' | 'failed';
    statusCode: number | null;
    code: FailureCode | null;
  } | null;
  /** A call that is not an attempt: the vendor asked to wait, refused the credential, or was only probed. */
  unattempted?: { startedAt: Date; code: FailureCode; kind: Unattempted };
  sealedOutput: string | null;
  next: Next;
}

export type Unattempted = 'wait' | 'hold' | 'retry';

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

/** A settlement and the run that it is of. */
export interface SettledStep {
  run: Pick<ClaimedRun, 'run_id' | 'request_id' | 'site_id' | 'lease_owner'>;
  settlement: Settlement;
}

/**
 * Settles steps of distinct runs in one statement, all or none: attempts, steps, runs, results and their deliveries. Returns in the order
 * of the input whether the lease was still ours; if it was not, nothing has changed. An attempt has a row of its own only if it
 * failed or follows one that did; the step tells the rest.
 */
export async function settleSteps(db: Database, settled: readonly SettledStep[]): Promise<boolean[]> {
  const rows = settled.map(toRow);
  const column = <K extends keyof Row>(key: K): Row[K][] => rows.map((row) => row[key]);
  const { rows: held } = await sql<{ run_id: string }>`/* settle_steps */
    with input as materialized (
      select * from unnest(${column('run_id')}::uuid[], ${column('request_id')}::uuid[], ${column('site_id')}::text[],
        ${column('lease_owner')}::text[], ${column('position')}::integer[], ${column('run_status')}::text[],
        ${column('next_vendor')}::text[], ${column('delay_ms')}::bigint[], ${column('failure_code')}::text[],
        ${column('failed_step')}::text[], ${column('completed_at')}::timestamptz[], ${column('step_status')}::text[],
        ${column('sealed_output')}::text[], ${column('attempt')}::integer[], ${column('lost')}::integer[],
        ${column('step_code')}::text[], ${column('started_at')}::timestamptz[], ${column('duration_ms')}::integer[],
        ${column('outcome')}::text[], ${column('status_code')}::integer[], ${column('attempt_code')}::text[],
        ${column('is_told')}::boolean[], ${column('result_id')}::uuid[], ${column('sealed_body')}::text[])
        as input (run_id, request_id, site_id, lease_owner, position, run_status, next_vendor, delay_ms, failure_code,
          failed_step, completed_at, step_status, sealed_output, attempt, lost, step_code, started_at, duration_ms, outcome,
          status_code, attempt_code, is_told, result_id, sealed_body)
    ), held as (
      update runs set status = input.run_status, lease_owner = null, lease_until = null,
        due_at = now() + input.delay_ms * interval '1 millisecond', vendor = coalesce(input.next_vendor, runs.vendor),
        failure_code = input.failure_code, failed_step = input.failed_step, finished_at = input.completed_at
      from input
      where runs.run_id = input.run_id and runs.lease_owner = input.lease_owner and runs.status = 'running'
      returning runs.run_id
    ), this_step as (
      update steps set status = input.step_status, sealed_output = coalesce(input.sealed_output, steps.sealed_output),
        attempt_count = greatest(steps.attempt_count, input.attempt), lost_count = steps.lost_count + input.lost,
        failure_code = input.step_code, started_at = coalesce(steps.started_at, input.started_at),
        finished_at = case when input.step_status = 'pending' then null else now() end
      from input join held using (run_id)
      where steps.run_id = input.run_id and steps.position = input.position and steps.status = 'pending'
    ), later_steps as (
      update steps set status = 'skipped' from input join held using (run_id)
      where input.run_status = 'failed' and steps.run_id = input.run_id and steps.position > input.position
        and steps.status = 'pending'
    ), new_attempt as (
      insert into step_attempts (run_id, position, attempt, started_at, duration_ms, outcome, status_code, failure_code)
      select run_id, position, attempt, started_at, duration_ms, outcome, status_code, attempt_code
      from input join held using (run_id) where is_told
    ), new_result as (
      insert into results (result_id, run_id, request_id, site_id, sealed_body, completed_at, published_at)
      select result_id, run_id, request_id, site_id, sealed_body, completed_at, case when failure_code is null then now() end
      from input join held using (run_id) where result_id is not null
    ), new_delivery as (
      insert into deliveries (result_id, site_id)
      select result_id, site_id from input join held using (run_id) where result_id is not null
      on conflict do nothing
    )
    select run_id from held
  `.execute(db);
  const ours = new Set(held.map(({ run_id }) => run_id));
  return settled.map(({ run }) => ours.has(run.run_id));
}

type Row = ReturnType<typeof toRow>;

function toRow({ run, settlement }: SettledStep) {
  const { position, attempt, unattempted, sealedOutput, next } = settlement;
  const failure = next.kind === 'end' ? next.failure : null;
  const result = next.kind === 'end' ? next.result : null;
  const { run_id, request_id, site_id, lease_owner } = run;
  return {
    ...{ run_id, request_id, site_id, lease_owner, position },
    run_status: runStatusAfter(settlement),
    next_vendor: next.kind === 'step' ? next.vendor : null,
    delay_ms: next.kind === 'again' ? Math.round(next.delayMs) : 0,
    failure_code: failure?.code ?? null,
    failed_step: failure?.step ?? null,
    completed_at: result?.completedAt.toISOString() ?? null,
    step_status: stepStatusAfter(settlement),
    sealed_output: sealedOutput,
    attempt: attempt?.number ?? 0,
    lost: attempt?.code === 'worker_lost' ? 1 : 0,
    step_code: attempt === null ? (failure?.code ?? unattempted?.code ?? null) : attempt.code,
    started_at: (attempt ?? unattempted)?.startedAt.toISOString() ?? null,
    duration_ms: Math.round(attempt?.durationMs ?? 0),
    outcome: attempt?.outcome ?? null,
    status_code: attempt?.statusCode ?? null,
    attempt_code: attempt?.code ?? null,
    is_told: attempt !== null && (attempt.outcome !== 'succeeded' || attempt.number > 1),
    result_id: result?.result_id ?? null,
    sealed_body: result?.sealed_body ?? null,
  };
}

function runStatusAfter({ attempt, next }: Settlement): string {
  if (next.kind === 'again') return attempt === null ? 'pending' : 'waiting';
  if (next.kind === 'step') return 'pending';
  return next.failure === null ? 'succeeded' : 'failed';
}

function stepStatusAfter({ attempt, next }: Settlement): 'pending' | 'succeeded' | 'failed' {
  if (next.kind === 'again') return 'pending';
  if (attempt?.outcome === 'succeeded') return 'succeeded';
  return 'failed';
}
