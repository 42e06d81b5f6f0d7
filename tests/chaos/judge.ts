import type { Arrival, VendorCall } from '@pressferry/testing/journey';

/** An event as its sender knows it. Times are of one monotonic clock, in ms. */
export interface SentEvent {
  key: string;
  /** The event's own reference, which the vendor is given. */
  ref: string;
  /** When the 202 came; null if none did. */
  acceptedAtMs: number | null;
}

export type Target = 'enricher' | 'callback' | 'ingress' | 'nats' | 'postgres';

/** The faults, and how long each lasted. */
export interface Fault {
  /** `outside`: the vendor and the sites, which a busy machine may keep from answering. */
  target: Target | 'outside';
  what: string;
  /** Work in flight was cut off, or held beyond any patience: it may have to be done again. */
  interrupts: boolean;
  startMs: number;
  endMs: number;
}

export interface Evidence {
  events: readonly SentEvent[];
  arrivals: readonly Arrival[];
  calls: readonly VendorCall[];
  faults: readonly Fault[];
}

/** What a scenario came to. `broken` names each promise that was not kept, with the ids. */
export interface Verdict {
  sent: number;
  accepted: number;
  lost: string[];
  failed: string[];
  /** Results that came again, and calls that were made again. */
  repeatedResults: number;
  repeatedCalls: number;
  /** From the last fault, or the last 202 if that was later, to the last arrival. */
  drainedAfterMs: number;
  broken: string[];
}

export const DRAIN_MS = 30_000;
/** The most attempts that callback, and calls that enricher, has in flight at once. */
const MOST_IN_HAND = 64;
/** So long before a fault an attempt may have ended without having been settled. */
const UNSETTLED_MS = 3_000;
/** So long around a stall of the vendor or a site calls run into their time-outs. */
const TIMED_OUT_MS = 13_000;
const IDS_SHOWN = 12;

/** Judges a scenario from the ledgers of the sender, the sites and the vendor alone. */
export function judge({ events, arrivals, calls, faults }: Evidence): Verdict {
  const accepted = events.filter(({ acceptedAtMs }) => acceptedAtMs !== null);
  const ours = new Set(events.map(({ key }) => key));
  const refs = new Set(events.map(({ ref }) => ref));
  const own = arrivals.filter(({ idempotencyKey }) => ours.has(idempotencyKey));
  const arrived = new Set(own.map(({ idempotencyKey }) => idempotencyKey));
  const lost = accepted.filter(({ key }) => !arrived.has(key)).map(({ key }) => key);
  const failed = own.filter(({ status }) => status !== 'succeeded').map(({ idempotencyKey }) => idempotencyKey);
  const results = repeats(own, ({ resultId }) => resultId);
  const ownCalls = calls.filter(({ ref }) => refs.has(ref));
  const called = repeats(ownCalls, ({ key }) => key);
  const lastTrouble = Math.max(0, ...faults.map(({ endMs }) => endMs), ...accepted.map((one) => one.acceptedAtMs ?? 0));
  const drainedAfterMs = Math.max(0, Math.max(0, ...own.map(({ atMs }) => atMs)) - lastTrouble);
  return {
    sent: events.length,
    accepted: accepted.length,
    lost,
    failed,
    repeatedResults: results.length,
    repeatedCalls: called.length,
    drainedAfterMs,
    broken: [
      ...named('accepted and never delivered', lost),
      ...named('ended as failed', failed),
      ...(lost.length === 0 && drainedAfterMs > DRAIN_MS
        ? [`drained only after ${Math.round(drainedAfterMs / 1000)} s`]
        : []),
      ...needless(own, ownCalls, faults),
    ],
  };
}

/** What was done again without need, or under two keys: also long after the events of these ledgers were all delivered. */
export function judgeRepeats({ events, arrivals, calls, faults }: Evidence): string[] {
  const ours = new Set(events.map(({ key }) => key));
  const refs = new Set(events.map(({ ref }) => ref));
  return needless(
    arrivals.filter(({ idempotencyKey }) => ours.has(idempotencyKey)),
    calls.filter(({ ref }) => refs.has(ref)),
    faults,
  );
}

function needless(arrivals: readonly Arrival[], calls: readonly VendorCall[], faults: readonly Fault[]): string[] {
  const cutOff = (targets: readonly Fault['target'][]) =>
    faults.filter((one) => one.interrupts && targets.includes(one.target));
  const results = repeats(arrivals, ({ resultId }) => resultId);
  const called = repeats(calls, ({ key }) => key);
  return [
    // Without Postgres an acknowledgement cannot be noted, so its delivery may be in flight once more.
    ...unexplained('delivered again without need', results, cutOff(['callback', 'postgres', 'nats', 'outside'])),
    ...unexplained('called again without need', called, cutOff(['enricher', 'outside'])),
    ...named('at the vendor under two keys', underTwoKeys(calls)),
  ];
}

interface Repeat {
  id: string;
  /** When the one before it came, and when it came. */
  earlierMs: number;
  atMs: number;
}

function repeats<T extends { atMs: number }>(entries: readonly T[], idOf: (entry: T) => string): Repeat[] {
  const last = new Map<string, number>();
  const found: Repeat[] = [];
  for (const entry of entries) {
    const id = idOf(entry);
    const earlierMs = last.get(id);
    if (earlierMs !== undefined) found.push({ id, earlierMs, atMs: entry.atMs });
    last.set(id, entry.atMs);
  }
  return found;
}

/** Repeats of what was not in flight at any of the faults, and more of one fault than can be in flight at once. */
function unexplained(what: string, found: readonly Repeat[], faults: readonly Fault[]): string[] {
  const byFault = new Map<Fault, number>();
  const strange = found.filter(({ earlierMs }) => {
    // Of several, that whose beginning is nearest.
    const fault = faults
      .filter(({ target, startMs, endMs }) => {
        const aroundMs = target === 'outside' ? TIMED_OUT_MS : UNSETTLED_MS;
        return earlierMs > startMs - aroundMs && earlierMs < endMs + aroundMs;
      })
      .sort((a, b) => Math.abs(a.startMs - earlierMs) - Math.abs(b.startMs - earlierMs))[0];
    if (fault !== undefined) byFault.set(fault, (byFault.get(fault) ?? 0) + 1);
    return fault === undefined;
  });
  const tooMany = [...byFault].filter(([, count]) => count > MOST_IN_HAND);
  return [
    ...named(
      what,
      strange.map(({ id, earlierMs, atMs }) => `${id} (${inSeconds(earlierMs)}, ${inSeconds(atMs)})`),
    ),
    ...tooMany.map(([fault, count]) => `${what}: ${count} by "${fault.what}", more than can be in flight`),
  ];
}

function underTwoKeys(calls: readonly VendorCall[]): string[] {
  const keys = new Map<string, string>();
  const doubled = new Set<string>();
  for (const { ref, key } of calls) {
    if ((keys.get(ref) ?? key) !== key) doubled.add(ref);
    keys.set(ref, key);
  }
  return [...doubled];
}

/** Of the same clock in all lines of a run. */
export const inSeconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

function named(what: string, ids: readonly string[]): string[] {
  if (ids.length === 0) return [];
  const more = ids.length > IDS_SHOWN ? ` and ${ids.length - IDS_SHOWN} more` : '';
  return [`${ids.length} ${what}: ${ids.slice(0, IDS_SHOWN).join(', ')}${more}`];
}
