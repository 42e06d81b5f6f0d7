import type { Keyring } from '@pressferry/runtime';
import { type Backoff, backoffMs } from '@pressferry/worker';
import type { Automation, Step } from '../automations/compile.ts';
import type { Vendor } from '../automations/vendors.ts';
import type { Content } from '../content/content.ts';
import { type Ending, makeResult } from '../content/result.ts';
import type { ClaimedRun, ClaimedStep } from '../db/claim-runs.ts';
import type { Next, Settlement, Unattempted } from '../db/settle-step.ts';
import { type CallOutcome, type FailureCode, outputContext } from '../model.ts';
import { following } from '../vendors/backoff.ts';

export interface StepDeps {
  automations: ReadonlyMap<string, Automation>;
  /** The earlier definition that a run began under. */
  pinned: (automation: string, version: string) => Promise<Automation | undefined>;
  keyring: Pick<Keyring, 'seal'>;
  content: Pick<Content, 'do'>;
  unknownGraceMs: number;
  random: () => number;
  call: (step: Step, run: ClaimedRun, position: number) => Promise<CallOutcome>;
}

interface Sealing {
  keyring: Pick<Keyring, 'seal'>;
}

const UNKNOWN_DELAY_MS = 30_000;
/** How often a step may fail by our fault: its worker died, or it could not be worked on. */
const MAX_LOST = 20;
/** Twenty of these pauses last half a day, for a person to act. */
const INTERNAL_FAULT: Backoff = { baseMs: 30_000, capMs: 3_600_000 };

/** Takes a claimed run's next step and decides its settlement. Throws if the event does not open, or on a bug. */
export async function takeStep(run: ClaimedRun, vendor: Vendor, deps: StepDeps): Promise<Settlement> {
  const current = run.steps.find(({ status }) => status === 'pending');
  if (current === undefined) throw new Error('a run without a pending step was claimed');
  const { automation, step } = definitionOf(run, current, await automationOf(run, deps));
  if (automation === undefined || step === undefined) return unknown(run, current, deps);
  if (run.was_lost) return failedByUs(run, current, 'worker_lost', deps);

  const { position } = current;
  const startedAt = new Date();
  const outcome = inBounds(await deps.call(step, run, position), current, vendor);
  const durationMs = Date.now() - startedAt.getTime();
  if (outcome.kind === 'abandoned') return release(position, 0);
  if (outcome.kind === 'parked') {
    const parked = release(position, outcome.delayMs);
    const { code } = outcome;
    return code === 'rate_limited' ? { ...parked, unattempted: { startedAt, code, kind: 'wait' } } : parked;
  }
  if (outcome.kind === 'sleep') {
    const unattempted = { startedAt, code: null, kind: 'sleep' as const };
    return {
      position,
      attempt: null,
      unattempted,
      sealedOutput: outcome.sealedOutput ?? null,
      next: { kind: 'again', delayMs: outcome.delayMs },
    };
  }

  const number = current.attempt_count + 1;
  const answered = number - current.lost_count;
  const made = { number, startedAt, durationMs, statusCode: outcome.statusCode };
  if (outcome.kind === 'succeeded') {
    const { sealedOutput } = outcome;
    const attempt = { ...made, outcome: 'succeeded' as const, code: null };
    const next = await afterSuccess(run, automation, { position, sealedOutput, deps });
    return { position, attempt, sealedOutput, next };
  }
  const { code } = outcome;
  const begunAt = current.started_at === null ? startedAt : new Date(current.started_at);
  const tried = { attempts: answered, ageMs: Date.now() - begunAt.getTime() };
  const then = outcome.kind === 'failed' ? undefined : following(outcome, tried, vendor.retry, deps.random);
  if (then === undefined || then.kind === 'give_up') {
    const attempt = { ...made, outcome: 'failed' as const, code };
    const isSkipped = outcome.kind === 'failed' && outcome.skip === true;
    const instead = isSkipped ? { error: { code } } : outputInstead(step, code);
    if (instead !== undefined) {
      const sealedOutput = deps.keyring.seal(JSON.stringify(instead), outputContext(run.run_id, position));
      const next = await afterSuccess(run, automation, { position, sealedOutput, deps });
      return { position, attempt, sealedOutput, next };
    }
    const sealedOutput = (outcome.kind === 'failed' ? outcome.sealedOutput : undefined) ?? null;
    return { position, attempt, sealedOutput, next: failure(run, { code, step: step.name }, deps) };
  }
  const attempt = then.isAttempt ? { ...made, outcome: 'retry' as const, code } : null;
  const unattempted = then.isAttempt ? {} : { unattempted: { startedAt, code, kind: outcome.kind as Unattempted } };
  return { position, attempt, ...unattempted, sealedOutput: null, next: { kind: 'again', delayMs: then.delayMs } };
}

/** A call that finds no room under its vendor's limits waits as long as for the vendor itself, and no longer. */
function inBounds(outcome: CallOutcome, { started_at: since }: ClaimedStep, { retry }: Vendor): CallOutcome {
  if (outcome.kind !== 'parked' || outcome.code !== 'rate_limited') return outcome;
  const ageMs = since === null ? 0 : Date.now() - new Date(since).getTime();
  return ageMs + outcome.delayMs > retry.waitMs ? { ...outcome, kind: 'failed' } : outcome;
}

/** The output of a failed step whose automation goes on; undefined if it does not. */
function outputInstead({ on_error }: Step, code: FailureCode): unknown {
  if (on_error === 'fail') return undefined;
  return on_error === 'continue' ? { error: { code } } : on_error.fallback;
}

/** Looks at the run again after `delayMs`; no attempt is counted. */
export const release = (position: number, delayMs: number): Settlement => ({
  position,
  attempt: null,
  sealedOutput: null,
  next: { kind: 'again', delayMs },
});

async function automationOf(run: ClaimedRun, { automations, pinned }: StepDeps): Promise<Automation | undefined> {
  const current = automations.get(run.automation);
  const { automation, automation_version: version } = run;
  if (version === null || current?.version === version) return current;
  return (await pinned(automation, version)) ?? current;
}

function definitionOf(run: ClaimedRun, current: ClaimedStep, automation: Automation | undefined) {
  const step = automation?.steps[current.position];
  const isSame = step?.name === current.name && step.vendor === current.vendor;
  // Its other steps count too: templates read them by name.
  const isWhole = isSame && run.steps.every(({ name, position }) => automation?.steps[position]?.name === name);
  return { automation, step: isWhole && automation?.steps.length === run.steps.length ? step : undefined };
}

/** A replica with another configuration may know it, because both kinds run side by side during a deployment. */
function unknown(run: ClaimedRun, current: ClaimedStep, deps: StepDeps): Settlement {
  if (Date.now() - run.created_at.getTime() < deps.unknownGraceMs) return release(current.position, UNKNOWN_DELAY_MS);
  const next = failure(run, { code: 'automation_unknown', step: current.name }, deps);
  return { position: current.position, attempt: null, sealedOutput: null, next };
}

/**
 * The worker of the run died, perhaps because of the run, or the step cannot be worked on. Counted, or it would call
 * the vendor forever, but not as the vendor's failure.
 */
export function failedByUs(
  run: ClaimedRun,
  current: ClaimedStep,
  code: 'worker_lost' | 'internal_error',
  deps: Sealing & { random: () => number },
): Settlement {
  const lost = current.lost_count + 1;
  const isLast = lost >= MAX_LOST;
  const attempt = {
    number: current.attempt_count + 1,
    startedAt: new Date(),
    durationMs: 0,
    statusCode: null,
    outcome: isLast ? ('failed' as const) : ('retry' as const),
    code,
  };
  const delayMs = code === 'worker_lost' ? 0 : backoffMs(INTERNAL_FAULT, lost, deps.random);
  const next: Next = isLast ? failure(run, { code, step: current.name }, deps) : { kind: 'again', delayMs };
  return { position: current.position, attempt, sealedOutput: null, next };
}

interface Success {
  position: number;
  sealedOutput: string;
  deps: StepDeps;
}

async function afterSuccess(run: ClaimedRun, automation: Automation, success: Success): Promise<Next> {
  const { position, sealedOutput, deps } = success;
  const following = automation.steps[position + 1];
  if (following !== undefined) return { kind: 'step', vendor: following.vendor };
  const steps = run.steps.map((step) => (step.position === position ? { ...step, sealed_output: sealedOutput } : step));
  const finished = await deps.content.do({ kind: 'result', result: automation.result, run: { ...run, steps } });
  if (finished.kind === 'result') return { kind: 'end', failure: null, result: finished.result };
  return failure(run, { code: finished.code, step: automation.steps[position]?.name ?? '' }, deps);
}

function failure(run: ClaimedRun, error: { code: FailureCode; step: string }, deps: Sealing): Next {
  const ending: Ending = { status: 'failed', error };
  const result = makeResult(run, ending, deps.keyring);
  if (result === null) throw new Error('a failed result has no output and cannot be too large');
  return { kind: 'end', failure: error, result };
}

export function failWithoutAnswer(run: ClaimedRun, { position, attempt }: Settlement, deps: Sealing): Settlement {
  const code = 'internal_error';
  const next = failure(run, { code, step: run.steps[position]?.name ?? '' }, deps);
  return { position, attempt: attempt && { ...attempt, outcome: 'failed', code }, sealedOutput: null, next };
}

export function failUnknownVendor(run: ClaimedRun, deps: Sealing): Settlement {
  const current = run.steps.find(({ status }) => status === 'pending');
  const next = failure(run, { code: 'vendor_unknown', step: current?.name ?? '' }, deps);
  return { position: current?.position ?? 0, attempt: null, sealedOutput: null, next };
}
