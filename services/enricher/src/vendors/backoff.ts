import type { CallOutcome, RetryRule } from '../model.ts';

/** The state of a step whose call failed. */
export interface Tried {
  /** Attempts, this one included. */
  attempts: number;
  /** Since its first call. */
  ageMs: number;
}

/** What follows a call that did not succeed. `isAttempt`: it is counted and recorded as one. */
export type Following = { kind: 'give_up' } | { kind: 'again'; delayMs: number; isAttempt: boolean };

type Unsuccessful = Extract<CallOutcome, { kind: 'retry' | 'wait' | 'hold' }>;

/** The wait for a limit whose end the vendor does not tell: HubSpot's most common one lasts ten seconds. */
export const LEAST_WAIT_MS = 10_000;
/** However long a vendor asks to wait, it is asked again each hour. */
export const LONGEST_WAIT_MS = 3_600_000;
/** However old a step is, so many times at least it is tried: its site may have been paused in between. */
const LEAST_ATTEMPTS = 5;

/** Decides what follows a call that did not succeed, by the table in docs/retries.md; `random` gives 0 … 1. */
export function following(outcome: Unsuccessful, tried: Tried, rule: RetryRule, random: () => number): Following {
  const { attempts, ageMs } = tried;
  if (outcome.kind === 'wait') {
    const delayMs = waitDelayMs(outcome.waitMs, outcome.code === 'rate_limited', random);
    return ageMs + delayMs > rule.waitMs ? { kind: 'give_up' } : { kind: 'again', delayMs, isAttempt: false };
  }
  if (outcome.kind === 'hold') {
    // The gate holds all runs back if it is about all; a run that alone is refused is sent less and less often.
    const aloneMs = outcome.isCertain ? rule.baseMs : Math.max(rule.baseMs, ageMs);
    const delayMs = Math.round(Math.min(LONGEST_WAIT_MS, aloneMs) * (0.5 + random() / 2));
    return ageMs > rule.holdMs ? { kind: 'give_up' } : { kind: 'again', delayMs, isAttempt: false };
  }
  const { maxAttempts = null, isProbe = false } = outcome;
  const isOver = [rule.maxAttempts, maxAttempts].some((most) => most !== null && attempts >= most);
  const isOld = ageMs >= rule.forMs && (attempts >= LEAST_ATTEMPTS || ageMs >= 2 * rule.forMs);
  if (isProbe ? ageMs >= 2 * rule.forMs : isOver || isOld) return { kind: 'give_up' };
  return { kind: 'again', delayMs: retryDelayMs(rule, attempts, random), isAttempt: !isProbe };
}

/** Exponential with full jitter, bounded by `capMs`; `attempt` is the one that failed, from 1. */
export function retryDelayMs(
  { baseMs, capMs }: Pick<RetryRule, 'baseMs' | 'capMs'>,
  attempt: number,
  random: () => number,
): number {
  return Math.round(random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 40)));
}

/** The wait asked for, and up to a tenth more, so waiting runs do not come back all at once. */
function waitDelayMs(askedMs: number | undefined, isRate: boolean, random: () => number): number {
  const leastMs = isRate ? LEAST_WAIT_MS : LEAST_WAIT_MS / 2;
  return Math.round(Math.min(LONGEST_WAIT_MS, askedMs ?? leastMs) * (1 + random() / 10));
}
