import type { ApproveStep } from '../automations/compile.ts';
import { parseDuration } from '../automations/duration.ts';
import type { CallOutcome } from '../model.ts';
import { failed, type OwnStep } from './own-step.ts';

const MAX_SHOWN = 262_144;

/** Waits for a person: `pressferry runs approve` or `runs reject`. */
export const approve: OwnStep<ApproveStep> = async (step, context): Promise<CallOutcome> => {
  const { run, content, decided, reason, startedAtMs, nowMs, isFirst, sealed, succeeded } = context;
  const { decision = null, decided_by: by = null, decided_at: at = null } = decided ?? {};
  const untilMs = startedAtMs + (parseDuration(step.timeout) ?? 0);
  const state = decideApproval({ decision, onTimeout: step.on_timeout, untilMs, nowMs });
  if (state.kind === 'wait') {
    const waiting = { kind: 'sleep' as const, why: 'approval' as const, delayMs: state.delayMs };
    if (!isFirst) return waiting;
    const prepared = await content.do({ kind: 'prepare', step, run });
    if (prepared.kind === 'failed') return { ...prepared, statusCode: null };
    if (prepared.kind !== 'approve') throw new Error('an approve step was prepared as another kind');
    if (prepared.json.length > MAX_SHOWN) return failed('show is larger than a person is shown: 256 KiB');
    return { ...waiting, sealedOutput: sealed(prepared.json) };
  }
  const decidedAt = new Date(at ?? untilMs).toISOString();
  const told = { by, at: decidedAt, reason: reason() };
  if (state.kind === 'approved') return succeeded(JSON.stringify({ decision: 'approved', ...told }));
  const code = decision === null ? 'approval_expired' : 'approval_rejected';
  const sealedOutput = sealed(JSON.stringify({ decision: 'rejected', ...told }));
  return { kind: 'failed', code, statusCode: null, sealedOutput };
};

export interface Approval {
  decision: 'approved' | 'rejected' | null;
  onTimeout: ApproveStep['on_timeout'];
  untilMs: number;
  nowMs: number;
}

/** A person's decision counts whenever the run is looked at; the timeout only without one. */
export function decideApproval({
  decision,
  onTimeout,
  untilMs,
  nowMs,
}: Approval): { kind: 'wait'; delayMs: number } | { kind: 'approved' } | { kind: 'rejected' } {
  if (decision !== null) return { kind: decision };
  if (nowMs < untilMs) return { kind: 'wait', delayMs: untilMs - nowMs };
  return { kind: onTimeout === 'approve' ? 'approved' : 'rejected' };
}
