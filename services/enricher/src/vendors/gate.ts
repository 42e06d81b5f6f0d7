import { LEAST_WAIT_MS, LONGEST_WAIT_MS } from './backoff.ts';
import type { CallOutcome } from './outcome.ts';
import { createPace } from './pace.ts';

export type BreakerState = 'closed' | 'half_open' | 'open';
/** Why a vendor is given nothing: it asks us to wait, it does not answer, or it refuses our credential, which an operator mends. */
export const BLOCK_CAUSES = ['limited', 'unavailable', 'denied'] as const;
export type BlockCause = (typeof BLOCK_CAUSES)[number];

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
  /** Failures in a row that open the breaker, and for how long at first. */
  breaker: { failures: number; openMs: number };
}

/** Refusals of different runs in a row that are about the credential and not about what was sent. */
const DENIALS = 3;
/** Failures in a row count from so many runs: one alone may be at fault itself, and must not hold up the others. */
const LEAST_RUNS = 2;
const LONGEST_OPEN_MS = 300_000;

/**
 * Makes a vendor's gate: bulkhead, circuit breaker, pause and pace in one. Failures in a row, of more than one run, open it for `openMs`,
 * then a single call probes: its success lets the others follow, its failure shuts the gate for twice as long, up to five minutes. A credential that
 * is refused opens it at once. A rate limit pauses everything, and afterwards calls are begun no faster than the vendor took them before.
 * `onBlock` is told what other processes should know.
 */
export function createGate(
  { maxConcurrency, breaker }: GateRules,
  onBlock: (block: Block | null) => void = () => undefined,
): Gate {
  let inHand = 0;
  let failures: string[] = [];
  let denials = new Set<string>();
  let opened: { untilMs: number; forMs: number; cause: 'unavailable' | 'denied' } | null = null;
  let pausedUntilMs = 0;
  let pausedSinceMs = 0;
  const pace = createPace();

  const state = (nowMs: number): BreakerState => {
    if (opened === null) return 'closed';
    return nowMs < opened.untilMs ? 'open' : 'half_open';
  };
  const open = (cause: 'unavailable' | 'denied', { isProbe }: { isProbe: boolean }, nowMs: number): void => {
    // Of calls that were under way together the first one has said it.
    if (opened !== null && !isProbe) return;
    const forMs = opened === null ? breaker.openMs : Math.min(LONGEST_OPEN_MS, opened.forMs * 2);
    opened = { untilMs: nowMs + forMs, forMs, cause };
    // Each process finds out by itself that a vendor is away; a refused credential is refused everywhere.
    if (cause === 'denied') onBlock({ cause, forMs });
  };
  const answered = (): void => {
    if (opened?.cause === 'denied') onBlock(null);
    failures = [];
    denials = new Set();
    opened = null;
  };
  const pause = (forMs: number, begunMs: number, nowMs: number): void => {
    // Calls that were under way when the limit was met say nothing new about the pace.
    if (begunMs >= pausedSinceMs) pace.limited(nowMs);
    const untilMs = nowMs + Math.min(forMs, LONGEST_WAIT_MS);
    pausedSinceMs = nowMs;
    if (untilMs <= pausedUntilMs) return;
    pausedUntilMs = untilMs;
    onBlock({ cause: 'limited', forMs: untilMs - nowMs });
  };
  const learn = (
    outcome: CallOutcome,
    call: { runId: string; begunMs: number; isProbe: boolean },
    nowMs: number,
  ): void => {
    if (outcome.kind === 'abandoned') return;
    if (isDown(outcome)) {
      failures = [...failures, call.runId].slice(-breaker.failures);
      const isSpread = new Set(failures).size >= Math.min(LEAST_RUNS, breaker.failures);
      if (call.isProbe || (failures.length >= breaker.failures && isSpread)) open('unavailable', call, nowMs);
      return;
    }
    if (outcome.kind === 'hold') {
      denials.add(call.runId);
      if (call.isProbe || outcome.isCertain || denials.size >= DENIALS) open('denied', call, nowMs);
      return;
    }
    answered();
    if (outcome.kind === 'wait' && outcome.isForAll) pause(outcome.waitMs ?? LEAST_WAIT_MS, call.begunMs, nowMs);
    else pace.took(nowMs);
  };
  return {
    state,
    inHand: () => inHand,
    blockedBy: (nowMs) => opened?.cause ?? (nowMs < pausedUntilMs ? 'limited' : null),
    opensAtMs: (nowMs) => Math.max(pausedUntilMs, opened?.untilMs ?? 0, pace.nextAtMs(nowMs)),
    free: (nowMs) => {
      if (nowMs < pausedUntilMs) return 0;
      const allowed = { closed: maxConcurrency, half_open: 1, open: 0 }[state(nowMs)];
      return Math.max(0, Math.min(allowed - inHand, pace.free(nowMs)));
    },
    enter: (runId, nowMs) => {
      inHand++;
      pace.begin(nowMs);
      const isProbe = state(nowMs) === 'half_open';
      const call = { runId, begunMs: nowMs, isProbe };
      return {
        isProbe,
        leave: (outcome, endedMs) => {
          inHand--;
          learn(outcome, call, endedMs);
        },
      };
    },
    block: ({ cause, forMs }, nowMs) => {
      const untilMs = nowMs + forMs;
      if (cause === 'limited') pausedUntilMs = Math.max(pausedUntilMs, untilMs);
      else if (opened === null || opened.untilMs < untilMs)
        opened = { untilMs, forMs: Math.max(opened?.forMs ?? 0, breaker.openMs), cause };
    },
  };
}

const DOWN = new Set(['network_error', 'timeout', 'vendor_unavailable']);

const isDown = (outcome: CallOutcome): boolean => outcome.kind === 'retry' && DOWN.has(outcome.code);
