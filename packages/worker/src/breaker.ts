import {
  type CircuitBreakerPolicy,
  CircuitState,
  CountBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleType,
  type IBackoffFactory,
  noJitterGenerator,
} from 'cockatiel';

export type BreakerState = 'closed' | 'half_open' | 'open';

export interface BreakerRules {
  /** Opens once more than half of the last calls failed; counts at least this many calls, at most twice as many. */
  leastCalls: number;
  /** How long it stays open before a probe; doubled after each failed probe, up to `longestOpenMs`. */
  openMs: number;
  longestOpenMs: number;
}

/** `unknown` counts neither way, and leaves an open breaker open. */
export type CallEnd = 'succeeded' | 'failed' | 'unknown';

/** A circuit breaker that is asked before work is claimed, so nothing begins only to be refused. */
export interface Breaker {
  state: () => BreakerState;
  /** When a probe may begin, by `performance.now()`; 0 while closed. */
  opensAtMs: () => number;
  /** Call it after `state` allowed the call, and `end` once. While half open, one call at a time may begin. */
  begin: () => { isProbe: boolean; end: (how: CallEnd) => void };
  trip: () => void;
}

class CallFailed extends Error {}
class NotCounted extends Error {}

const RATE = 0.5;

/** On cockatiel. A call's end counts from the next turn of the event loop. */
export function createBreaker(rules: BreakerRules, onChange: (isOpen: boolean) => void = () => undefined): Breaker {
  let isTripped = false;
  let pauseMs = rules.openMs;
  let opensAtMs = 0;
  const policy = openPolicy(rules, {
    onPause: (ms) => {
      pauseMs = ms;
    },
    isTripped: () => isTripped,
  });
  policy.onBreak(() => {
    isTripped = false;
    opensAtMs = performance.now() + pauseMs;
    onChange(true);
  });
  policy.onReset(() => {
    opensAtMs = 0;
    onChange(false);
  });
  const state = (): BreakerState => {
    if (policy.state === CircuitState.Closed) return 'closed';
    return policy.state === CircuitState.Open && performance.now() < opensAtMs ? 'open' : 'half_open';
  };
  return {
    state,
    opensAtMs: () => opensAtMs,
    begin: () => (state() === 'open' ? UNCOUNTED : beginCall(policy)),
    trip: () => {
      if (policy.state !== CircuitState.Closed) return;
      isTripped = true;
      beginCall(policy).end('failed');
    },
  };
}

function openPolicy(
  { leastCalls, openMs, longestOpenMs }: BreakerRules,
  { onPause, isTripped }: { onPause: (ms: number) => void; isTripped: () => boolean },
): CircuitBreakerPolicy {
  const rate = new CountBreaker({ threshold: RATE, size: 2 * leastCalls, minimumNumberOfCalls: leastCalls });
  const doubling = new ExponentialBackoff({
    initialDelay: openMs,
    maxDelay: longestOpenMs,
    exponent: 2,
    generator: noJitterGenerator,
  });
  return circuitBreaker(handleType(CallFailed), {
    halfOpenAfter: tellingPauses(doubling, onPause),
    breaker: {
      state: null,
      success: (state) => rate.success(state),
      failure: (state) => rate.failure(state) || isTripped(),
    },
  });
}

const UNCOUNTED = { isProbe: true, end: () => undefined };

/** Tells how long the breaker stays open. cockatiel gets no pause: the system's clock may be set back. */
const tellingPauses = (backoff: IBackoffFactory<unknown>, onPause: (ms: number) => void): IBackoffFactory<unknown> => ({
  next: (context) => {
    const step = backoff.next(context);
    onPause(step.duration);
    return { duration: Number.NEGATIVE_INFINITY, next: tellingPauses(step, onPause).next };
  },
});

function beginCall(policy: CircuitBreakerPolicy): ReturnType<Breaker['begin']> {
  const isProbe = policy.state !== CircuitState.Closed;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // If the breaker opened meanwhile, it does not wait for this call.
  promise.catch(() => undefined);
  policy.execute(() => promise).catch(() => undefined);
  return {
    isProbe,
    end: (how) => {
      // A call that began before the breaker opened says nothing about the time after.
      const isStale = !isProbe && policy.state !== CircuitState.Closed;
      if (isStale || (how === 'unknown' && !isProbe)) reject(new NotCounted());
      else if (how === 'succeeded') resolve();
      else reject(new CallFailed());
    },
  };
}
