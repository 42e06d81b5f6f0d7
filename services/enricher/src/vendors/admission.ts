import { type Breaker, type BreakerState, type CallEnd, createBreaker } from '@pressferry/worker';
import type { BlockCause, CallOutcome } from '../model.ts';
import { LONGEST_WAIT_MS } from './backoff.ts';
import { createPace } from './pace.ts';
import { createJudge, type EndedCall, type Verdict } from './verdicts.ts';

export interface Block {
  cause: BlockCause;
  forMs: number;
}

/** How many calls a vendor may be given now, learnt from its last calls. Times are of `performance.now()`. */
export interface Admission {
  free: (nowMs: number) => number;
  /**
   * A run's call begins; call `leave` once with its outcome. A probe is the one call that an open breaker lets through.
   */
  enter: (runId: string, nowMs: number) => { isProbe: boolean; leave: (outcome: CallOutcome, nowMs: number) => void };
  state: (nowMs: number) => BreakerState;
  /** Null if more than a probe may begin. */
  blockedBy: (nowMs: number) => BlockCause | null;
  /** When `free` may next rise without a call ending; 0 if it waits for none. */
  opensAtMs: (nowMs: number) => number;
  inFlight: () => number;
  /** Another process learnt this. */
  block: (block: Block, nowMs: number) => void;
  /** The configured limits leave no room until then. */
  rest: (untilMs: number) => void;
}

export interface AdmissionRules {
  maxConcurrency: number;
  /** The least calls before failures open the breaker, and how long it first stays open. */
  breaker: { failures: number; openMs: number };
}

const LONGEST_OPEN_MS = 300_000;

/**
 * Bulkhead, breaker, pause and pace in one. The breaker opens for `openMs` once more than half of the last calls
 * failed; then a single call probes: success closes it, failure doubles the time, up to five minutes. A refused
 * credential opens it at once. A rate limit pauses everything, and afterwards calls begin no faster than the vendor
 * took them before. `onBlock` receives what other processes should know. A call's end counts from the next turn of the
 * event loop.
 */
export function createAdmission(
  { maxConcurrency, breaker }: AdmissionRules,
  onBlock: (block: Block | null) => void = () => undefined,
): Admission {
  let inFlight = 0;
  let restsUntilMs = 0;
  const pace = createPace();
  const pauses = createPauses();
  const judge = createJudge();
  const { circuit, state, opensAtMs, denied, down, heard } = createCircuit(breaker, onBlock);

  const learn = (verdict: Verdict, call: EndedCall, nowMs: number): CallEnd => {
    if (verdict.kind === 'none') return 'unknown';
    if (verdict.kind === 'down') return down(call);
    if (verdict.kind === 'denied') return denied(call);
    if (verdict.kind === 'alive') pace.took(nowMs);
    else {
      // Calls that began before the limit was met say nothing new about the pace.
      if (call.begunMs >= pauses.sinceMs()) pace.limited(nowMs);
      const forMs = Math.min(verdict.forMs, LONGEST_WAIT_MS);
      if (pauses.begin(forMs, nowMs)) onBlock({ cause: 'limited', forMs });
    }
    return 'succeeded';
  };
  return {
    state,
    inFlight: () => inFlight,
    blockedBy: (nowMs) => {
      if (state(nowMs) !== 'closed') return circuit.cause();
      return nowMs < pauses.untilMs() ? 'limited' : null;
    },
    opensAtMs: (nowMs) => Math.max(pauses.untilMs(), restsUntilMs, opensAtMs(), pace.nextAtMs(nowMs)),
    free: (nowMs) => {
      if (nowMs < Math.max(pauses.untilMs(), restsUntilMs)) return 0;
      const allowed = { closed: maxConcurrency, half_open: 1, open: 0 }[state(nowMs)];
      return Math.max(0, Math.min(allowed - inFlight, pace.free(nowMs)));
    },
    enter: (runId, nowMs) => {
      inFlight++;
      pace.begin(nowMs);
      const { isProbe, end } = circuit.begin();
      const call = { runId, begunMs: nowMs, isProbe };
      return {
        isProbe,
        leave: (outcome, endedMs) => {
          inFlight--;
          end(learn(judge(outcome, call), call, endedMs));
        },
      };
    },
    block: (block, nowMs) => {
      if (block.cause === 'limited') pauses.hear(block.forMs, nowMs);
      else heard(block, nowMs);
    },
    rest: (untilMs) => {
      restsUntilMs = untilMs;
    },
  };
}

/** Pauses that a vendor asked of all runs. */
function createPauses() {
  let [untilMs, sinceMs] = [0, 0];
  return {
    untilMs: () => untilMs,
    sinceMs: () => sinceMs,
    /** True if it is longer than the previous one. */
    begin: (forMs: number, nowMs: number): boolean => {
      sinceMs = nowMs;
      const isLonger = nowMs + forMs > untilMs;
      untilMs = Math.max(untilMs, nowMs + forMs);
      return isLonger;
    },
    hear: (forMs: number, nowMs: number): void => {
      untilMs = Math.max(untilMs, nowMs + forMs);
    },
  };
}

/** The breaker, why it opened, and other processes' blocks. */
function createCircuit({ failures, openMs }: AdmissionRules['breaker'], onBlock: (block: Block | null) => void) {
  let cause: 'unavailable' | 'denied' = 'unavailable';
  /** Learnt from another process, so not told again. */
  let isHearsay = false;
  let heldUntilMs = 0;
  const rules = { leastCalls: failures, openMs, longestOpenMs: LONGEST_OPEN_MS };
  const breaker: Breaker = createBreaker(rules, (isOpen) => {
    // Each process notices itself that a vendor is away; a refused credential is refused everywhere.
    if (cause === 'denied' && !isHearsay)
      onBlock(isOpen ? { cause, forMs: breaker.opensAtMs() - performance.now() } : null);
    isHearsay = false;
  });
  const opensFor = (isProbe: boolean, why: typeof cause): void => {
    if (isProbe || breaker.state() === 'closed') cause = why;
  };
  return {
    circuit: { begin: breaker.begin, cause: () => cause },
    state: (nowMs: number): BreakerState => (nowMs < heldUntilMs ? 'open' : breaker.state()),
    opensAtMs: () => Math.max(heldUntilMs, breaker.opensAtMs()),
    down: ({ isProbe }: EndedCall): CallEnd => {
      opensFor(isProbe, 'unavailable');
      return 'failed';
    },
    denied: ({ isProbe }: EndedCall): CallEnd => {
      opensFor(isProbe, 'denied');
      breaker.trip();
      return isProbe ? 'failed' : 'unknown';
    },
    heard: ({ cause: learnt, forMs }: Block, nowMs: number): void => {
      if (learnt === 'limited') return;
      cause = learnt;
      heldUntilMs = Math.max(heldUntilMs, nowMs + forMs);
      isHearsay = breaker.state() === 'closed';
      breaker.trip();
    },
  };
}
