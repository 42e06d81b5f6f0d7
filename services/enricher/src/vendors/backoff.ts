/** How a vendor's failed calls are spaced, in ms. */
export interface RetryRule {
  maxAttempts: number;
  baseMs: number;
  capMs: number;
}

/**
 * The delay before the next attempt: exponential with full jitter, and at least what the vendor's Retry-After asks for, all bounded
 * by `capMs`. `attempt` is the one that failed, from 1; `random` gives 0 … 1.
 */
export function retryDelayMs(
  { baseMs, capMs }: RetryRule,
  attempt: number,
  retryAfterMs: number | undefined,
  random: () => number,
): number {
  const ceilingMs = Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(Math.max(random() * ceilingMs, Math.min(retryAfterMs ?? 0, capMs)));
}
