import type { Database } from '@pressferry/database';
import { sql } from 'kysely';
import type { FailureCode } from '../model.ts';
import type { ClaimedRun } from './claim-runs.ts';

/** A step's outcome, and where the run goes; durations in ms. */
export interface Settlement {
  position: number;
  attempt: {
    number: number;
    startedAt: Date;
    durationMs: number;
    outcome: 'succeeded' | 'retry' | 'failed';
    statusCode: number | null;
    code: FailureCode | null;
  } | null;
  /** Not an attempt: the vendor asked to wait, refused the credential, or was only probed; or the automation waits. */
  unattempted?: { startedAt: Date; code: FailureCode | null; kind: Unattempted };
  sealedOutput: string | null;
  next: Next;
  /** Of the call's recorded span: the next attempt links to it, also a replay's. */
  traceparent?: string;
}

export type Unattempted = 'wait' | 'hold' | 'retry' | 'sleep';

export type Next =
  | { kind: 'again'; delayMs: number }
  | { kind: 'step'; vendor: string }
  | { kind: 'end'; failure: { code: FailureCode; step: string } | null; result: NewResult };

export interface NewResult {
  result_id: string;
  sealed_body: string;
  completedAt: Date;
}

export interface SettledStep {
  run: Pick<ClaimedRun, 'run_id' | 'lease_owner' | 'traceparent'>;
  settlement: Settlement;
}

/**
 * Settles steps of distinct runs in one statement, all or none: attempts, steps, runs, results and their deliveries. A
 * run that ends moves with its steps to the past ones. Returns, in order, whether the lease was still held; if not,
 * nothing changed. An attempt has a row only if it failed or follows one that did; the step tells the rest.
 */
export async function settleSteps(db: Database, settled: readonly SettledStep[]): Promise<boolean[]> {
  const rows = settled.map(toRow);
  const column = <K extends keyof Row>(key: K): Row[K][] => rows.map((row) => row[key]);
  const { rows: held } = await sql<{ run_id: string }>`/* settle_steps */
    with input as materialized (
      select * from unnest(${column('run_id')}::uuid[], ${column('lease_owner')}::text[], ${column('position')}::integer[],
        ${column('run_status')}::text[], ${column('next_vendor')}::text[], ${column('delay_ms')}::bigint[],
        ${column('failure_code')}::text[], ${column('failed_step')}::text[], ${column('completed_at')}::timestamptz[],
        ${column('step_status')}::text[], ${column('sealed_output')}::text[], ${column('attempt')}::integer[],
        ${column('lost')}::integer[], ${column('step_code')}::text[], ${column('started_at')}::timestamptz[],
        ${column('duration_ms')}::integer[], ${column('outcome')}::text[], ${column('status_code')}::integer[],
        ${column('attempt_code')}::text[], ${column('is_told')}::boolean[], ${column('result_id')}::uuid[],
        ${column('sealed_body')}::text[], ${column('traceparent')}::text[], ${column('last_traceparent')}::text[])
        as input (run_id, lease_owner, position, run_status, next_vendor, delay_ms, failure_code, failed_step, completed_at,
          step_status, sealed_output, attempt, lost, step_code, step_started_at, duration_ms, outcome, status_code, attempt_code,
          is_told, result_id, sealed_body, traceparent, last_traceparent)
    ), going as materialized (select * from input where result_id is null), going_on as (
      update open_runs set status = going.run_status, lease_owner = null, lease_until = null,
        due_at = clock_timestamp() + going.delay_ms * interval '1 millisecond', vendor = coalesce(going.next_vendor, open_runs.vendor)
      from going
      where open_runs.run_id = ${idsOf('going')} and open_runs.run_id = going.run_id and open_runs.lease_owner = going.lease_owner
      returning open_runs.*
    ), ending as (
      delete from open_runs
      where run_id = ${idsOf('input')} and ((run_id, lease_owner) in (select run_id, lease_owner from input where result_id is not null)) is true
      returning *
    ), held as (
      select run_id, filed_at, request_id, site_id from going_on
      union all
      select run_id, filed_at, request_id, site_id from ending
    ), this_step as (
      update open_steps as step set status = going.step_status, sealed_output = coalesce(going.sealed_output, step.sealed_output),
        attempt_count = greatest(step.attempt_count, going.attempt), lost_count = step.lost_count + going.lost,
        last_traceparent = coalesce(going.last_traceparent, step.last_traceparent),
        failure_code = going.step_code, started_at = coalesce(step.started_at, going.step_started_at),
        finished_at = case when going.step_status = 'pending' then null else now() end
      from going join going_on using (run_id)
      where step.run_id = ${idsOf('going_on')} and step.run_id = going.run_id and step.position = going.position and step.status = 'pending'
    ), ${PAST_ROWS}
    , new_attempt as (
      insert into step_attempts (filed_at, run_id, position, attempt, started_at, duration_ms, outcome, status_code, failure_code)
      select filed_at, run_id, position, attempt, step_started_at, duration_ms, outcome, status_code, attempt_code
      from input join held using (run_id) where is_told
    ), new_result as (
      insert into results (filed_at, result_id, run_id, request_id, site_id, sealed_body, completed_at, published_at)
      select filed_at, result_id, run_id, request_id, site_id, sealed_body, completed_at,
        case when failure_code is null then now() end
      from input join ending using (run_id)
    ), new_delivery as (
      insert into open_deliveries (filed_at, result_id, run_id, request_id, site_id, idempotency_key, traceparent, completed_at)
      select filed_at, result_id, run_id, request_id, site_id, idempotency_key, traceparent, completed_at
      from input join ending using (run_id)
      on conflict do nothing
    )
    select run_id from held
  `.execute(db);
  const ours = new Set(held.map(({ run_id }) => run_id));
  return settled.map(({ run }) => ours.has(run.run_id));
}

/**
 * If the last analysis saw hardly a live row, a join alone may walk the whole index, dead rows too, and one with many
 * rows compares each with each. So a table is read by its key only, and joined only if the statement needs it.
 */
const idsOf = (rows: 'going' | 'going_on' | 'input' | 'ending') => sql`any(array(select run_id from ${sql.ref(rows)}))`;

/** Rows of runs that end, and of their steps, in the past tables. */
const PAST_ROWS = sql`past_run as (
      insert into past_runs (filed_at, run_id, request_id, site_id, idempotency_key, automation, automation_version, vendor, status,
        failure_code, failed_step, created_at, started_at, finished_at)
      select ending.filed_at, run_id, request_id, site_id, idempotency_key, automation, automation_version, vendor, run_status,
        failure_code,
        failed_step, created_at, started_at, completed_at
      from ending join input using (run_id)
    ), ending_step as (
      delete from open_steps where run_id = ${idsOf('ending')} returning *
    ), past_step as (
      insert into past_steps (filed_at, run_id, position, name, type, vendor, status, attempt_count, lost_count, sealed_output,
        failure_code, last_traceparent, started_at, finished_at)
      select filed_at, run_id, step.position, name, type, vendor,
        case when is_this then step_status when is_later and run_status = 'failed' then 'skipped' else status end,
        case when is_this then greatest(attempt_count, attempt) else attempt_count end,
        case when is_this then lost_count + lost else lost_count end,
        case when is_this then coalesce(input.sealed_output, step.sealed_output) else step.sealed_output end,
        case when is_this then step_code else step.failure_code end,
        case when is_this and run_status = 'failed' then coalesce(input.last_traceparent, step.last_traceparent) end,
        case when is_this then coalesce(started_at, step_started_at) else started_at end,
        case when is_this then now() else finished_at end
      from ending_step as step join input using (run_id), lateral (
        select step.position = input.position and status = 'pending' as is_this,
          step.position > input.position and status = 'pending' as is_later
      ) as place
    )`;

type Row = ReturnType<typeof toRow>;

function toRow({ run, settlement }: SettledStep) {
  const { position, attempt, unattempted, sealedOutput, next } = settlement;
  const failure = next.kind === 'end' ? next.failure : null;
  const result = next.kind === 'end' ? next.result : null;
  const { run_id, lease_owner, traceparent } = run;
  return {
    ...{ run_id, lease_owner, traceparent, position },
    run_status: runStatusAfter(settlement),
    last_traceparent: (next.kind === 'again' || failure !== null ? settlement.traceparent : undefined) ?? null,
    next_vendor: next.kind === 'step' ? next.vendor : null,
    delay_ms: next.kind === 'again' ? Math.round(next.delayMs) : 0,
    failure_code: failure?.code ?? null,
    failed_step: failure?.step ?? null,
    completed_at: result?.completedAt.toISOString() ?? null,
    step_status: stepStatusAfter(settlement),
    sealed_output: sealedOutput,
    attempt: attempt?.number ?? 0,
    // Not the vendor's fault.
    lost: attempt?.code === 'worker_lost' || attempt?.code === 'internal_error' ? 1 : 0,
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

function runStatusAfter({ attempt, unattempted, next }: Settlement): string {
  if (next.kind === 'again') return attempt === null && unattempted?.kind !== 'sleep' ? 'pending' : 'waiting';
  if (next.kind === 'step') return 'pending';
  return next.failure === null ? 'succeeded' : 'failed';
}

function stepStatusAfter({ attempt, next }: Settlement): 'pending' | 'succeeded' | 'failed' {
  if (next.kind === 'again') return 'pending';
  if (attempt?.outcome === 'succeeded') return 'succeeded';
  return 'failed';
}
