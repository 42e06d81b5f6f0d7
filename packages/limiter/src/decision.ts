/** `perMinute` 0 lifts the limit; a burst below 1 counts as 1. */
export interface Rate {
  readonly perMinute: number;
  readonly burst: number;
}

export type Scope = 'ip' | 'site';

export interface Allowed {
  readonly allowed: true;
}

/**
 * `spent`: the key has no token left in the cluster. `unavailable`: this replica may not spend now (NATS is away or it
 * is joining), which is our fault and not a 429. `full`: too many keys are tracked or requested at once.
 */
export type RefusalCause = 'spent' | 'unavailable' | 'full';

export interface Refused {
  readonly allowed: false;
  readonly cause: RefusalCause;
  readonly limit: number;
  readonly burst: number;
  readonly remaining: 0;
  readonly retryAfterMs: number;
}

export type Decision = Allowed | Refused;

/** Shared, so permitting allocates nothing. */
export const ALLOWED: Allowed = Object.freeze({ allowed: true });

/** The wait is at least a millisecond. */
export function refused(cause: RefusalCause, rate: Rate, retryAfterMs: number): Refused {
  return {
    allowed: false,
    cause,
    limit: rate.perMinute,
    burst: capacityOf(rate),
    remaining: 0,
    retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)),
  };
}

export const capacityOf = (rate: Rate): number => Math.max(1, rate.burst);

export const perMs = (rate: Rate): number => rate.perMinute / 60_000;
