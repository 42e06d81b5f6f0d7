import { type Breaker, type BreakerState, type CallEnd, createBreaker } from '@pressferry/worker';
import type { BlockCause, CallOutcome } from '../model.ts';
import { LEAST_WAIT_MS, LONGEST_WAIT_MS } from './backoff.ts';
import { createPace } from './pace.ts';

export interface Block {
  cause: BlockCause;
  forMs: number;
}

/** How many calls a vendor may be given now, learnt from how its last calls ended. Times are ms since the epoch. */
export interface Gate {
  /** The calls that may be begun at this moment. */
  free: (nowMs: number) => number;
  /** Notes that a call for a run begins; call `leave` once with its outcome. A probe is the one call that a breaker lets through. */
  enter: (runId: string, nowMs: number) => { isProbe: boolean; leave: (outcome: CallOutcome, nowMs: number) => void };
  state: (nowMs: number) => BreakerState;
  /** Why nothing but a probe is begun; null if more is. */
  blockedBy: (nowMs: number) => BlockCause | null;
  /** When `free` may next rise without a call ending; 0 if it waits for none. */
  opensAtMs: (nowMs: number) => number;
  inHand: () => number;
  /** Another process learnt this. */
  block: (block: Block, nowMs: number) => void;
}

export interface GateRules {
  maxConcurrency: number;
  /** After how many calls, at the least, failures may open the breaker, and for how long at first. */
  breaker: { failures: number; openMs: number };
}

/** Consecutive refusals of different runs that are about the credential and not about the content. */
const DENIALS = 3;
const LONGEST_OPEN_MS = 300_000;

/**
 * Makes a vendor's gate: bulkhead, circuit breaker, pause and pace in one. The breaker opens for `openMs` once more than half of the last calls
 * failed, then a single call probes: its success lets the others follow, its failure shuts the gate for twice as long, up to five minutes. A
 * credential that is refused opens it at once. A rate limit pauses everything, and afterwards calls are begun no faster than the vendor took
 * them before. `onBlock` is told what other processes should know. How a call ended tells on the breaker in the next turn of the event loop.
 */
export function createGate(
  { maxConcurrency, breaker }: GateRules,
  onBlock: (block: Block | null) => void = () => undefined,
): Gate {
  let inHand = 0;
  let lastFailed = '';
  let denials = new Set<string>();
  let cause: 'unavailable' | 'denied' = 'unavailable';
  /** What another process learnt is not told to others again. */
  let isHearsay = false;
  let heldUntilMs = 0;
  let pausedUntilMs = 0;
  let pausedSinceMs = 0;
  const pace = createPace();
  const rules = { leastCalls: breaker.failures, openMs: breaker.openMs, longestOpenMs: LONGEST_OPEN_MS };
  const circuit: Breaker = createBreaker(rules, (isOpen) => {
    // Each process finds out by itself that a vendor is away; a refused credential is refused everywhere.
    if (cause === 'denied' && !isHearsay) onBlock(isOpen ? { cause, forMs: circuit.opensAtMs() - Date.now() } : null);
    isHearsay = false;
  });

  const state = (nowMs: number): BreakerState => (nowMs < heldUntilMs ? 'open' : circuit.state());
  const pause = (forMs: number, begunMs: number, nowMs: number): void => {
    // Calls that were under way when the limit was met say nothing new about the pace.
    if (begunMs >= pausedSinceMs) pace.limited(nowMs);
    const untilMs = nowMs + Math.min(forMs, LONGEST_WAIT_MS);
    pausedSinceMs = nowMs;
    if (untilMs <= pausedUntilMs) return;
    pausedUntilMs = untilMs;
    onBlock({ cause: 'limited', forMs: untilMs - nowMs });
  };
  /** One run alone may be at fault itself, and must not hold up the others: its failures in a row count once. */
  const failed = ({ runId, isProbe }: Call): CallEnd => {
    const isRepeat = runId === lastFailed;
    lastFailed = runId;
    if (isRepeat && !isProbe) return 'unknown';
    if (isProbe || circuit.state() === 'closed') cause = 'unavailable';
    return 'failed';
  };
  const denied = ({ runId, isProbe }: Call, isCertain: boolean): CallEnd => {
    denials.add(runId);
    const isOfAll = isProbe || isCertain || denials.size >= DENIALS;
    if (!isOfAll) return 'unknown';
    if (isProbe || circuit.state() === 'closed') cause = 'denied';
    circuit.trip();
    return isProbe ? 'failed' : 'unknown';
  };
  const learn = (outcome: CallOutcome, call: Call, nowMs: number): CallEnd => {
    if (outcome.kind === 'abandoned' || outcome.kind === 'parked' || outcome.kind === 'sleep') return 'unknown';
    if (outcome.kind === 'failed' && UNCALLED.has(outcome.code)) return 'unknown';
    if (isDown(outcome)) return failed(call);
    if (outcome.kind === 'hold') return denied(call, outcome.isCertain);
    lastFailed = '';
    denials = new Set();
    if (outcome.kind === 'wait' && outcome.isForAll) pause(outcome.waitMs ?? LEAST_WAIT_MS, call.begunMs, nowMs);
    else pace.took(nowMs);
    return 'succeeded';
  };
  return {
    state,
    inHand: () => inHand,
    blockedBy: (nowMs) => {
      if (state(nowMs) !== 'closed') return cause;
      return nowMs < pausedUntilMs ? 'limited' : null;
    },
    opensAtMs: (nowMs) => Math.max(pausedUntilMs, heldUntilMs, circuit.opensAtMs(), pace.nextAtMs(nowMs)),
    free: (nowMs) => {
      if (nowMs < pausedUntilMs) return 0;
      const allowed = { closed: maxConcurrency, half_open: 1, open: 0 }[state(nowMs)];
      return Math.max(0, Math.min(allowed - inHand, pace.free(nowMs)));
    },
    enter: (runId, nowMs) => {
      inHand++;
      pace.begin(nowMs);
      const { isProbe, end } = circuit.begin();
      return {
        isProbe,
        leave: (outcome, endedMs) => {
          inHand--;
          end(learn(outcome, { runId, begunMs: nowMs, isProbe }, endedMs));
        },
      };
    },
    block: ({ cause: learnt, forMs }, nowMs) => {
      if (learnt === 'limited') pausedUntilMs = Math.max(pausedUntilMs, nowMs + forMs);
      else {
        cause = learnt;
        heldUntilMs = Math.max(heldUntilMs, nowMs + forMs);
        isHearsay = circuit.state() === 'closed';
        circuit.trip();
      }
    },
  };
}

interface Call {
  runId: string;
  begunMs: number;
  isProbe: boolean;
}

/** No call was made: nothing is learnt of the vendor. */
const UNCALLED = new Set(['budget_exhausted', 'price_unknown', 'template_failed', 'pii_refused']);
const DOWN = new Set(['network_error', 'timeout', 'vendor_unavailable']);

const isDown = (outcome: CallOutcome): boolean => outcome.kind === 'retry' && DOWN.has(outcome.code);
