const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Standard Webhooks' delays after each failed attempt: about 75 h in all. */
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
/** The least `Retry-After` that is honoured even at the first, short steps. */
const MIN_RETRY_AFTER_BOUND_MS = MINUTE_MS;

/** The attempt's number, from 1, and the pause that the site asked for. */
export interface Failed {
  attempt: number;
  retryAfterMs?: number | undefined;
}

/**
 * The delay in ms until the next attempt; null if there is none left. Steps have ±20 % jitter, so a fleet that failed
 * together does not return together; `random` gives [0, 1). `Retry-After` can stretch a step to its double (at least to
 * one minute) and never shortens it.
 */
export function nextDelayMs(failed: Failed, scheduleMs: readonly number[], random: () => number): number | null {
  const stepMs = scheduleMs[failed.attempt - 1];
  if (stepMs === undefined) return null;
  const spreadMs = Math.round(stepMs * (1 - JITTER + 2 * JITTER * random()));
  const longestMs = Math.max(2 * stepMs, MIN_RETRY_AFTER_BOUND_MS);
  return Math.max(spreadMs, Math.min(failed.retryAfterMs ?? 0, longestMs));
}
