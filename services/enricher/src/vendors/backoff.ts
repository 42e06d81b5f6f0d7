import type { CallOutcome, RetryRule } from '../model.ts';

export interface Tried {
  /** This one included. */
  attempts: number;
  /** Since its first call. */
  ageMs: number;
}

/** `isAttempt`: the call counts and is recorded as one. */
export type Following = { kind: 'give_up' } | { kind: 'again'; delayMs: number; isAttempt: boolean };

type Unsuccessful = Extract<CallOutcome, { kind: 'retry' | 'wait' | 'hold' }>;

/** For limits whose end the vendor does not tell: HubSpot's most common one lasts ten seconds. */
export const LEAST_WAIT_MS = 10_000;
/** A vendor is asked again each hour, however long it asks to wait. */
export const LONGEST_WAIT_MS = 3_600_000;
/** Longer waits are taken as asked. */
const SHORT_MS = 1_000;
const SHORTEST_WAIT_MS = 250;
/** Tries that even an old step gets, because its site may have been paused. */
const LEAST_ATTEMPTS = 5;

/** The table in docs/retries.md; `random` gives 0 … 1. */
export function following(outcome: Unsuccessful, tried: Tried, rule: RetryRule, random: () => number): Following {
  const { attempts, ageMs } = tried;
  if (outcome.kind === 'wait') {
    const leastMs = outcome.code === 'rate_limited' ? LEAST_WAIT_MS : LEAST_WAIT_MS / 2;
    const askedMs = longerIfRepeated(outcome.waitMs ?? leastMs, ageMs, leastMs);
    // Up to a tenth more, so waiting runs do not return all at once.
    const delayMs = Math.round(Math.min(LONGEST_WAIT_MS, askedMs) * (1 + random() / 10));
    return ageMs + delayMs > rule.waitMs ? { kind: 'give_up' } : { kind: 'again', delayMs, isAttempt: false };
  }
  if (outcome.kind === 'hold') {
    // Admission blocks all runs if the refusal concerns all; a run that alone is refused is sent less and less often.
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

/** Exponential with full jitter, up to `capMs`; `attempt` is the failed one, from 1. */
export function retryDelayMs(
  { baseMs, capMs }: Pick<RetryRule, 'baseMs' | 'capMs'>,
  attempt: number,
  random: () => number,
): number {
  return Math.round(random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 40)));
}

/** A short or past wait grows with the step's age, so the vendor is not asked again and again. */
const longerIfRepeated = (askedMs: number, ageMs: number, mostMs: number): number =>
  askedMs >= SHORT_MS ? askedMs : Math.max(askedMs, Math.min(mostMs, SHORTEST_WAIT_MS + ageMs / 4));
