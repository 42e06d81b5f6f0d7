import { errorFields, type Logger, SealingKeyMissing, traceIdOf } from '@pressferry/runtime';
import type { Lease, LeaseKeeper } from '@pressferry/worker';
import type { Step, StepType } from '../automations/compile.ts';
import type { Vendor } from '../automations/vendors.ts';
import type { ClaimedRun } from '../db/claim-runs.ts';
import type { Settlement } from '../db/settle-step.ts';
import { reached } from '../fault-points.ts';
import { type Metrics, STEP_TYPES, type StepOutcome } from '../metrics.ts';
import type { WaitingFor } from '../model.ts';
import type { Outgoing } from '../results/outbox.ts';
import type { TracedOutcome } from '../vendors/call.ts';
import type { Called } from './pool.ts';
import type { Settled } from './settle.ts';
import { failedByUs, release, type StepDeps, takeStep } from './take-step.ts';

export interface WorkDeps extends Omit<StepDeps, 'call'> {
  call: (step: Step, run: ClaimedRun, position: number, lease: Lease) => Promise<TracedOutcome>;
  settle: (run: ClaimedRun, settlement: Settlement) => Promise<Settled>;
  leases: Pick<LeaseKeeper<ClaimedRun>, 'keep'>;
  publish: (result: Outgoing) => void;
  /** Wakes the pool of the next step's vendor. */
  kick: (vendor: string, siteId: string) => void;
  metrics: Pick<Metrics, 'step' | 'run' | 'tokens'>;
  logger: Logger;
}

const KEY_MISSING_DELAY_MS = 30_000;

/** Takes a claimed run's next step, settles it, hands the run on, and logs one line. Never rejects. */
export async function workOn(run: ClaimedRun, vendor: Vendor, called: Called, deps: WorkDeps): Promise<void> {
  reached('run.claimed');
  const startedAtMs = Date.now();
  const lease = deps.leases.keep(run, run.takenAtMs);
  let settlement: Settlement;
  let fault: unknown;
  let detail: string | undefined;
  let traceparent: string | undefined;
  try {
    settlement = await takeStep(run, vendor, {
      ...deps,
      call: async (step, claimed, position) => {
        // After a pause of the process another worker may have made this call.
        if (!lease.isHeld()) return { kind: 'abandoned' };
        const { traceparent: recorded, ...outcome } = await deps.call(step, claimed, position, lease);
        traceparent = recorded;
        const { isProbe } = called(outcome);
        if ('tokens' in outcome && outcome.tokens !== undefined) deps.metrics.tokens(outcome.tokens);
        if ('detail' in outcome) detail = outcome.detail;
        return isProbe && outcome.kind === 'retry' ? { ...outcome, isProbe } : outcome;
      },
    });
  } catch (error) {
    fault = error;
    const current = run.steps.find(({ status }) => status === 'pending');
    // An operator must add a missing key; the run does not fail.
    settlement =
      current === undefined || error instanceof SealingKeyMissing
        ? release(current?.position ?? 0, KEY_MISSING_DELAY_MS)
        : failedByUs(run, current, 'internal_error', deps);
  }
  reached('step.settling');
  const settled = await deps.settle(run, traceparent === undefined ? settlement : { ...settlement, traceparent });
  reached('step.settled');
  lease.letGo();
  const durationMs = Date.now() - startedAtMs;
  report(run, settled ?? settlement, { vendor, isOurs: settled !== null, fault, detail, durationMs, deps });
  if (settled !== null) handOn(run, settled, deps);
}

function handOn(run: ClaimedRun, { next, position, unattempted }: Settlement, deps: WorkDeps): void {
  const step = run.steps[position];
  if (unattempted?.kind === 'sleep' && next.kind === 'again' && step?.started_at === null) {
    const until = new Date(Date.now() + next.delayMs).toISOString();
    const waitingFor: WaitingFor = step.type === 'approve' ? 'approval' : 'delay';
    deps.logger.info({ ...ids(run), step: step.name, waiting_for: waitingFor, until }, 'run.waiting');
  }
  if (next.kind === 'step') deps.kick(next.vendor, run.site_id);
  if (next.kind === 'again' && next.delayMs === 0) deps.kick(run.vendor, run.site_id);
  if (next.kind !== 'end') return;
  const isRejected = next.failure?.code === 'approval_rejected';
  const outcome = next.failure === null ? 'succeeded' : isRejected ? 'rejected' : 'failed';
  deps.metrics.run(outcome, secondsOf(run));
  // A failed run needs a person; a rejected one does not.
  deps.logger[outcome === 'failed' ? 'error' : 'info'](
    {
      ...ids(run),
      result_id: next.result.result_id,
      outcome,
      ...(next.failure === null ? {} : { code: next.failure.code, step: next.failure.step }),
      age_ms: Date.now() - run.received_at.getTime(),
    },
    'run.finished',
  );
  deps.publish({
    resultId: next.result.result_id,
    runId: run.run_id,
    requestId: run.request_id,
    siteId: run.site_id,
    filedAt: run.filed_at,
    completedAtMs: next.result.completedAt.getTime(),
    traceparent: run.traceparent,
    failureCode: next.failure?.code ?? null,
  });
}

/** Null for a run whose automation waited: its time says nothing about the service. */
const secondsOf = ({ steps, received_at }: ClaimedRun): number | null =>
  steps.some(({ type }) => WAITING_TYPES.has(type)) ? null : (Date.now() - received_at.getTime()) / 1_000;

const WAITING_TYPES = new Set(['delay', 'approve']);

const UNATTEMPTED = { wait: 'waited', hold: 'held', retry: 'probed', sleep: 'slept' } as const;

interface Reported {
  vendor: Vendor;
  isOurs: boolean;
  fault: unknown;
  detail: string | undefined;
  durationMs: number;
  deps: WorkDeps;
}

function report(
  run: ClaimedRun,
  settlement: Settlement,
  { vendor, isOurs, fault, detail, durationMs, deps }: Reported,
): void {
  const { attempt, unattempted, position, next } = settlement;
  const given = unattempted === undefined ? 'released' : UNATTEMPTED[unattempted.kind];
  const outcome: StepOutcome = isOurs ? (attempt?.outcome ?? given) : 'superseded';
  const code = attempt?.code ?? unattempted?.code;
  // A later release stored the step; its vendor has only this type.
  const type: StepType = STEP_TYPES.find((known) => known === run.steps[position]?.type) ?? vendor.kind;
  deps.metrics.step(type, outcome, code ?? null, (attempt?.durationMs ?? durationMs) / 1_000);
  const fields = {
    ...ids(run),
    step: run.steps[position]?.name,
    vendor: run.vendor,
    outcome,
    attempt: attempt?.number,
    max_attempts: vendor.retry.maxAttempts ?? undefined,
    status_code: attempt?.statusCode ?? undefined,
    code,
    detail,
    duration_ms: attempt?.durationMs ?? durationMs,
    retry_in_ms: next.kind === 'again' ? next.delayMs : undefined,
    ...(fault === undefined ? {} : errorFields(fault)),
  };
  if (fault !== undefined) deps.logger.error(fields, 'step.attempted');
  else deps.logger.info(fields, 'step.attempted');
}

const ids = ({ run_id, request_id, idempotency_key, site_id, automation, traceparent }: ClaimedRun) => ({
  run_id,
  request_id,
  idempotency_key,
  site_id,
  automation,
  trace_id: traceparent ? traceIdOf(traceparent) : undefined,
});
