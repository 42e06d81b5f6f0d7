import type { CallOutcome } from './outcome.ts';

/** How many calls a vendor may be given now, learnt from how its last calls ended. */
export interface Gate {
  /** The calls that may be begun at this moment. */
  free: (nowMs: number) => number;
  /** Notes that a call begins; call the returned function once with its outcome. */
  enter: () => (outcome: CallOutcome, nowMs: number) => void;
  state: (nowMs: number) => BreakerState;
  /** When `free` may next rise without a call ending, ms since the epoch; 0 where it waits for none. */
  opensAtMs: () => number;
  inHand: () => number;
}

export type BreakerState = 'closed' | 'half_open' | 'open';

interface GateRules {
  maxConcurrency: number;
  breaker: { failures: number; openMs: number };
  retry: { capMs: number };
}

/**
 * Makes a vendor's gate: bulkhead, circuit breaker and rate-limit pause in one. After `failures` straight failures nothing is let
 * through for `openMs`, then a single call; its success lets the others follow, its failure shuts the gate again.
 */
export function createGate({ maxConcurrency, breaker, retry }: GateRules): Gate {
  let inHand = 0;
  let failures = 0;
  let shutUntilMs = 0;
  let pausedUntilMs = 0;

  const state = (nowMs: number): BreakerState => {
    if (failures < breaker.failures) return 'closed';
    return nowMs < shutUntilMs ? 'open' : 'half_open';
  };
  return {
    state,
    inHand: () => inHand,
    opensAtMs: () => Math.max(pausedUntilMs, failures < breaker.failures ? 0 : shutUntilMs),
    free: (nowMs) => {
      if (nowMs < pausedUntilMs) return 0;
      const allowed = { closed: maxConcurrency, half_open: 1, open: 0 }[state(nowMs)];
      return Math.max(0, allowed - inHand);
    },
    enter: () => {
      inHand++;
      return (outcome, nowMs) => {
        inHand--;
        if (outcome.kind === 'abandoned') return;
        if (outcome.kind === 'retry' && outcome.code === 'rate_limited') {
          // The vendor is well and asks all of us to wait: no failure, but a pause for every run.
          const untilMs = nowMs + Math.min(outcome.retryAfterMs ?? 0, retry.capMs);
          pausedUntilMs = Math.max(pausedUntilMs, untilMs);
        }
        if (!isVendorDown(outcome)) {
          failures = 0;
          return;
        }
        failures++;
        if (failures >= breaker.failures) shutUntilMs = nowMs + breaker.openMs;
      };
    },
  };
}

const DOWN = new Set(['network_error', 'timeout', 'vendor_unavailable']);

const isVendorDown = (outcome: CallOutcome): boolean => outcome.kind === 'retry' && DOWN.has(outcome.code);
