import { RATE_LIMITS, type RateLimit, type RateRule } from '../model.ts';

/** What counts against a vendor's limits now, in all replicas. */
export interface RateState {
  requests: number;
  tokens: number;
  inFlight: number;
  /** Until the pace lets the next call begin; negative if it already does. */
  nextInMs: number;
  /** Until the first call stops counting; null if none counts. */
  firstEndsInMs: number | null;
}

/** Calls that may begin now. If fewer than wanted: the limit, and when to look again (null if unknown). */
export interface Allowance {
  calls: number;
  by: RateLimit | null;
  waitMs: number | null;
  /** The pace's clock after `calls` calls, from now. */
  nextInMs: number;
}

const MINUTE_MS = 60_000;
/** How much of the pace a quiet period saves up. */
const BURST_MS = 1_000;

/** The pause after a call: it spreads calls over the minute, so one site does not use it up. */
export const paceMs = ({ requestsPerMinute, tokensPerMinute }: RateRule, tokens: number): number =>
  Math.max(
    requestsPerMinute === null ? 0 : MINUTE_MS / requestsPerMinute,
    tokensPerMinute === null ? 0 : (tokens * MINUTE_MS) / tokensPerMinute,
  );

/** A call beyond the limit takes the whole minute: the vendor decides about it. */
export const countedTokens = ({ tokensPerMinute }: RateRule, tokens: number): number =>
  tokensPerMinute === null ? 0 : Math.min(tokens, tokensPerMinute);

export function allowanceOf(state: RateState, rule: RateRule, wanted: number, tokensEach: number): Allowance {
  const left: Record<RateLimit, number> = {
    requests: (rule.requestsPerMinute ?? Number.POSITIVE_INFINITY) - state.requests,
    tokens: tokensLeft(state, rule, tokensEach),
    concurrency: (rule.concurrency ?? Number.POSITIVE_INFINITY) - state.inFlight,
  };
  const each = paceMs(rule, tokensEach);
  const startMs = Math.max(state.nextInMs, -BURST_MS);
  const paced = startMs > 0 ? 0 : each === 0 ? wanted : Math.floor(-startMs / each + 1e-9) + 1;
  const calls = Math.max(0, Math.min(wanted, paced, ...Object.values(left)));
  const nextInMs = startMs + calls * each;
  if (calls === wanted) return { calls, by: null, waitMs: null, nextInMs };
  const full = RATE_LIMITS.find((limit) => left[limit] <= calls);
  if (full === undefined) return { calls, by: slowest(rule, tokensEach), waitMs: Math.max(1, nextInMs), nextInMs };
  const waitMs = full === 'concurrency' ? null : state.firstEndsInMs;
  return { calls, by: full, waitMs: waitMs === null ? null : Math.max(waitMs, nextInMs, 1), nextInMs };
}

function tokensLeft({ tokens }: RateState, { tokensPerMinute }: RateRule, tokensEach: number): number {
  if (tokensPerMinute === null) return Number.POSITIVE_INFINITY;
  const left = tokensPerMinute - tokens;
  if (left <= 0) return 0;
  return tokensEach === 0 ? Number.POSITIVE_INFINITY : Math.floor(left / tokensEach);
}

const slowest = ({ requestsPerMinute, tokensPerMinute }: RateRule, tokensEach: number): RateLimit =>
  tokensPerMinute !== null && tokensEach / tokensPerMinute > 1 / (requestsPerMinute ?? Number.POSITIVE_INFINITY)
    ? 'tokens'
    : 'requests';
