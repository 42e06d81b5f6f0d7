import type { CallOutcome } from '../model.ts';
import { LEAST_WAIT_MS } from './backoff.ts';

export interface EndedCall {
  runId: string;
  begunMs: number;
  isProbe: boolean;
}

/** What a call's end says about its vendor, and so about all runs. */
export type Verdict =
  | { kind: 'none' }
  | { kind: 'down' }
  | { kind: 'denied' }
  | { kind: 'alive' }
  | { kind: 'limited'; forMs: number };

/** Consecutive refusals of different runs that concern the credential. */
const DENIALS = 3;
const UNCALLED = new Set(['budget_exhausted', 'price_unknown', 'template_failed', 'pii_refused']);
const DOWN = new Set(['network_error', 'timeout', 'vendor_unavailable']);
const NONE: Verdict = { kind: 'none' };

/** Judges the ends of one vendor's calls in order: a run may itself be at fault, and must not block others. */
export function createJudge(): (outcome: CallOutcome, call: EndedCall) => Verdict {
  let lastFailed = '';
  let denials = new Set<string>();
  return (outcome, { runId, isProbe }) => {
    if (outcome.kind === 'abandoned' || outcome.kind === 'parked' || outcome.kind === 'sleep') return NONE;
    if (outcome.kind === 'failed' && UNCALLED.has(outcome.code)) return NONE;
    if (outcome.kind === 'retry' && DOWN.has(outcome.code)) {
      // Consecutive failures of one run count once.
      const isRepeat = runId === lastFailed;
      lastFailed = runId;
      return isRepeat && !isProbe ? NONE : { kind: 'down' };
    }
    if (outcome.kind === 'hold') {
      denials.add(runId);
      return isProbe || outcome.isCertain || denials.size >= DENIALS ? { kind: 'denied' } : NONE;
    }
    lastFailed = '';
    denials = new Set();
    if (outcome.kind === 'wait' && outcome.isForAll) return { kind: 'limited', forMs: outcome.waitMs ?? LEAST_WAIT_MS };
    return { kind: 'alive' };
  };
}
