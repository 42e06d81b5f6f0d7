import { type Clock, FLIGHT_MS, LEASE_MS, type Message, type Send } from './cluster.ts';
import { ALLOWED, capacityOf, type Decision, perMs, type Rate, refused, type Scope } from './decision.ts';
import type { BucketTable } from './table.ts';

export interface AsksDeps {
  tables: Record<Scope, BucketTable>;
  clock: Clock;
  send: Send;
  id: () => string;
  share: () => number;
  peers: () => ReadonlyMap<string, unknown>;
  isUsable: (nowMs: number) => boolean;
  isConnected: () => boolean;
  random: () => number;
}

type Resolve = (decision: Decision) => void;

interface Flight {
  readonly id: string;
  readonly sentAtMs: number;
  readonly rank: number;
  readonly awaiting: Set<string>;
  readonly counted: string[];
  received: number;
  pot: number;
  /** What the others have left after giving, and how many of them have any. */
  left: number;
  richGivers: number;
  cancel: () => void;
}

/** A key that had no token here: who waits for one, the ask that is out, or when asking makes sense again. */
interface Contest {
  readonly scope: Scope;
  readonly key: string;
  rate: Rate;
  readonly waiters: Resolve[];
  flight: Flight | undefined;
  rounds: number;
  nextAskAtMs: number;
}

const ROUNDING = 1e-9;
const MAX_ROUNDS = 6;
const MAX_WAITERS_PER_KEY = 1_000;
const MAX_FLIGHTS = 4_096;
const MAX_CONTESTS = 50_000;
const RETRY_MS = 1_000;

/**
 * The asking side. One ask per key is out at a time, and after one that brought too little the key is refused here until
 * the cluster can have earned its next token: a key at its limit costs NATS one ask per token, however hard it is hit.
 */
export class Asks {
  readonly #deps: AsksDeps;
  readonly #contests: Record<Scope, Map<string, Contest>> = { ip: new Map(), site: new Map() };
  readonly #flights = new Map<string, Contest>();
  /** Peers that left an ask without an answer: not waited for until they are heard again. */
  readonly #silent = new Set<string>();
  #counter = 0;

  constructor(deps: AsksDeps) {
    this.#deps = deps;
  }

  /** Decides about a key that has no token here. */
  take(scope: Scope, key: string, rate: Rate, nowMs: number): Decision | Promise<Decision> {
    const known = this.#contests[scope].get(key);
    if (known !== undefined) {
      known.rate = rate;
      if (known.flight !== undefined) return this.#queue(known);
      if (known.nextAskAtMs > nowMs) return refused('spent', rate, known.nextAskAtMs - nowMs);
    }
    if (this.#deps.peers().size === 0) return this.#refuseAlone(scope, key, rate, nowMs);
    if (!this.#deps.isConnected()) return refused('unavailable', rate, RETRY_MS);
    if (this.#flights.size >= MAX_FLIGHTS) return refused('crowded', rate, FLIGHT_MS);
    if (known === undefined && this.#contests[scope].size >= MAX_CONTESTS) return refused('crowded', rate, RETRY_MS);
    const contest = known ?? { scope, key, rate, waiters: [], flight: undefined, rounds: 0, nextAskAtMs: 0 };
    this.#contests[scope].set(key, contest);
    contest.rounds = 0;
    const decision = this.#queue(contest);
    this.#launch(contest, this.#deps.peers().size);
    return decision;
  }

  onGift({ from, flight: id, amount, left }: Message & { kind: 'gift' }, nowMs: number): void {
    const contest = this.#flights.get(id);
    const flight = contest?.flight;
    // Late tokens are lost: their giver counts them for no longer than this.
    if (contest === undefined || flight?.id !== id || nowMs - flight.sentAtMs > LEASE_MS) return;
    if (flight.counted.includes(from)) return;
    flight.counted.push(from);
    flight.awaiting.delete(from);
    flight.received += amount;
    flight.pot += amount;
    flight.left += left;
    if (left > ROUNDING) flight.richGivers++;
    this.#serve(contest, flight, nowMs);
    if (flight.awaiting.size === 0) this.#conclude(contest, flight, nowMs);
  }

  /** A sign of life. */
  hear(id: string): void {
    if (this.#silent.size > 0) this.#silent.delete(id);
  }

  ownRank(scope: Scope, key: string): number | undefined {
    return this.#contests[scope].get(key)?.flight?.rank;
  }

  sweep(nowMs: number): void {
    for (const contests of Object.values(this.#contests)) {
      for (const [key, { flight, nextAskAtMs }] of contests) {
        if (flight === undefined && nextAskAtMs <= nowMs) contests.delete(key);
      }
    }
    for (const id of this.#silent) if (!this.#deps.peers().has(id)) this.#silent.delete(id);
  }

  /** Refuses everyone who waits and stops all timers. */
  close(): void {
    for (const { flight, waiters, rate } of this.#flights.values()) {
      flight?.cancel();
      for (const resolve of waiters.splice(0)) resolve(refused('unavailable', rate, RETRY_MS));
    }
    this.#flights.clear();
    for (const contests of Object.values(this.#contests)) contests.clear();
  }

  #refuseAlone(scope: Scope, key: string, rate: Rate, nowMs: number): Decision {
    const share = this.#deps.share();
    if (share === 0 || !this.#deps.isUsable(nowMs)) return refused('unavailable', rate, RETRY_MS);
    const missing = 1 - this.#deps.tables[scope].level(key, rate, nowMs);
    return refused('spent', rate, missing / (share * perMs(rate)));
  }

  #queue(contest: Contest): Decision | Promise<Decision> {
    if (contest.waiters.length >= MAX_WAITERS_PER_KEY) return refused('spent', contest.rate, FLIGHT_MS);
    return new Promise((resolve) => contest.waiters.push(resolve));
  }

  #ownLevel({ scope, key, rate }: Contest, nowMs: number): number {
    return this.#deps.isUsable(nowMs) ? this.#deps.tables[scope].level(key, rate, nowMs) : 0;
  }

  /** Asks for what is missing, in equal parts of those that can have some: together they give no more than has its place here. */
  #launch(contest: Contest, givers: number): void {
    const { clock, send, id, peers, random } = this.#deps;
    const { scope, key, rate } = contest;
    const nowMs = clock.now();
    const missing = Math.max(1, contest.waiters.length) - this.#ownLevel(contest, nowMs);
    const stock = this.#deps.isUsable(nowMs) ? (this.#deps.share() * capacityOf(rate)) / 2 : 0;
    const flight: Flight = {
      id: `${id()}.${(this.#counter++).toString(36)}`,
      sentAtMs: nowMs,
      rank: random(),
      awaiting: new Set([...peers().keys()].filter((peer) => !this.#silent.has(peer))),
      counted: [],
      received: 0,
      pot: 0,
      left: 0,
      richGivers: 0,
      // One turn more: after a stall of this process the answers lie in the socket, unread.
      cancel: clock.after(FLIGHT_MS, () => {
        flight.cancel = clock.after(1, () => this.#conclude(contest, flight, clock.now()));
      }),
    };
    contest.flight = flight;
    contest.rounds++;
    this.#flights.set(flight.id, contest);
    send(null, {
      from: id(),
      kind: 'ask',
      flight: flight.id,
      scope,
      key,
      perMinute: rate.perMinute,
      burst: capacityOf(rate),
      need: missing / givers,
      stock: stock / givers,
      rank: flight.rank,
    });
  }

  /** Lets waiters through in their order, first on what was given, then on what was earned here. */
  #serve(contest: Contest, flight: Flight, nowMs: number): void {
    const { scope, key, rate, waiters } = contest;
    while (waiters.length > 0) {
      const own = flight.pot >= 1 - ROUNDING ? 0 : 1 - flight.pot;
      if (own > 0) {
        if (this.#ownLevel(contest, nowMs) < own - ROUNDING) return;
        this.#deps.tables[scope].add(key, rate, -own, nowMs);
      }
      flight.pot -= 1 - own;
      waiters.shift()?.(ALLOWED);
    }
  }

  #conclude(contest: Contest, flight: Flight, nowMs: number): void {
    if (contest.flight !== flight) return;
    flight.cancel();
    contest.flight = undefined;
    this.#flights.delete(flight.id);
    for (const id of flight.awaiting) this.#silent.add(id);
    const { waiters, rate } = contest;
    const again = waiters.length > 0 && flight.richGivers > 0 && contest.rounds < MAX_ROUNDS;
    // If there is too little, what was given grows on at its givers: here it might find no room.
    this.#settle(contest, flight, again || waiters.length === 0, nowMs);
    if (again) {
      this.#launch(contest, flight.richGivers);
      return;
    }
    if (waiters.length === 0) {
      this.#contests[contest.scope].delete(contest.key);
      return;
    }
    const missing = 1 - this.#ownLevel(contest, nowMs) - flight.left - flight.pot;
    const earnedMs = Math.max(1, missing / perMs(rate));
    // Without all answers the total is unknown: not before an ask could have been answered.
    const retryMs = flight.awaiting.size === 0 ? earnedMs : Math.max(earnedMs, FLIGHT_MS);
    contest.nextAskAtMs = nowMs + retryMs;
    const refusal = refused('spent', rate, retryMs);
    for (const resolve of waiters.splice(0)) resolve(refusal);
  }

  /** Keeps what has its place here, or nothing, and gives the rest back. */
  #settle({ scope, key, rate }: Contest, flight: Flight, keep: boolean, nowMs: number): void {
    const { counted, received, pot } = flight;
    if (received <= 0 && flight.awaiting.size === 0) return;
    const keeps = keep && pot > 0 && this.#deps.isUsable(nowMs);
    const kept = keeps ? this.#deps.tables[scope].add(key, rate, pot, nowMs) : 0;
    const back = received > 0 ? Math.min(1, Math.max(0, (pot - kept) / received)) : 0;
    this.#deps.send(null, { from: this.#deps.id(), kind: 'settle', flight: flight.id, back, counted });
  }
}
