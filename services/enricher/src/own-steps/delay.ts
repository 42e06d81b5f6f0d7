import type { DelayStep } from '../automations/compile.ts';
import { LONGEST_DELAY_MS, parseDuration } from '../automations/duration.ts';
import type { CallOutcome } from '../model.ts';
import { failed, type OwnStep } from './own-step.ts';

/** Waits for a time, or until an instant that an expression gives. */
export const delay: OwnStep<DelayStep> = async (step, context): Promise<CallOutcome> => {
  const { run, content, startedAtMs, nowMs, succeeded } = context;
  let untilMs = startedAtMs + (parseDuration(step.for ?? '') ?? 0);
  if (step.until !== undefined) {
    const prepared = await content.do({ kind: 'prepare', step, run });
    if (prepared.kind === 'failed') return { ...prepared, statusCode: null };
    if (prepared.kind !== 'delay') throw new Error('a delay step was prepared as another kind');
    untilMs = prepared.untilMs;
  }
  const decided = decideDelay({ startedAtMs, untilMs, nowMs });
  if (decided.kind === 'too_long') return failed('until is more than 30 days away');
  if (decided.kind === 'sleep') return { ...decided, why: 'delay' };
  return succeeded(JSON.stringify({ until: new Date(untilMs).toISOString() }));
};

export interface Waiting {
  startedAtMs: number;
  untilMs: number;
  nowMs: number;
}

/** Depends on the instants alone, so each look decides the same. Goes on at once if the instant is past. */
export function decideDelay({
  startedAtMs,
  untilMs,
  nowMs,
}: Waiting): { kind: 'sleep'; delayMs: number } | { kind: 'over' } | { kind: 'too_long' } {
  if (untilMs - startedAtMs > LONGEST_DELAY_MS) return { kind: 'too_long' };
  return untilMs > nowMs ? { kind: 'sleep', delayMs: untilMs - nowMs } : { kind: 'over' };
}
