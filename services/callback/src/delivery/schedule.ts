const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The delays after each failed attempt: Standard Webhooks' shape, about 75 h in all after the fourth day's last try. */
export const STANDARD_SCHEDULE_MS: readonly number[] = [
  5_000,
  30_000,
  2 * MINUTE_MS,
  10 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];

const JITTER = 0.2;
/** A site that asks for a pause gets up to a minute even at the first, short steps. */
const MIN_RETRY_AFTER_BOUND_MS = MINUTE_MS;

/** A failed attempt: its number (1 is the first) and the pause the site asked for, if it did. */
export interface Failed {
  attempt: number;
  retryAfterMs?: number | undefined;
}

/**
 * The delay in ms until the next attempt, or null if there is none left. The step is spread by ±20 % so that a fleet that failed
 * together does not come back together; `random` gives [0, 1). A site's `Retry-After` can stretch the step to its double (at least to
 * one minute) and never shortens it: it can neither speed us up nor stall us.
 */
export function nextDelayMs(failed: Failed, scheduleMs: readonly number[], random: () => number): number | null {
  const stepMs = scheduleMs[failed.attempt - 1];
  if (stepMs === undefined) return null;
  const spreadMs = Math.round(stepMs * (1 - JITTER + 2 * JITTER * random()));
  const longestMs = Math.max(2 * stepMs, MIN_RETRY_AFTER_BOUND_MS);
  return Math.max(spreadMs, Math.min(failed.retryAfterMs ?? 0, longestMs));
}
