import { ALLOWED, capacityOf, type Decision, perMs, type Rate, refused, type Scope } from './decision.ts';
import { type Clock, LEASE_MS, type Message, REQUEST_MS, type Send } from './model.ts';
import type { BucketTable } from './table.ts';

export interface RequestsDeps {
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

interface Request {
  readonly id: string;
  readonly sentAtMs: number;
  readonly priority: number;
  readonly awaiting: Set<string>;
  readonly counted: string[];
  received: number;
  unspent: number;
  left: number;
  richGranters: number;
  cancel: () => void;
}

/** A key without a token here: its waiters, the pending request, or when the next one makes sense. */
interface Shortage {
  readonly scope: Scope;
  readonly key: string;
  rate: Rate;
  readonly waiters: Resolve[];
  request: Request | undefined;
  rounds: number;
  nextRequestAtMs: number;
}

const ROUNDING = 1e-9;
const MAX_ROUNDS = 6;
const MAX_WAITERS_PER_KEY = 1_000;
const MAX_REQUESTS = 4_096;
const MAX_SHORTAGES = 50_000;
const RETRY_MS = 1_000;

/**
 * The requesting side. A key has one request pending at a time. After one that brought too little, the key is refused
 * here until the cluster can have earned a token, so a key at its limit costs one request per token, however many
 * callers try.
 */
export class Requests {
  readonly #deps: RequestsDeps;
  readonly #shortages: Record<Scope, Map<string, Shortage>> = { ip: new Map(), site: new Map() };
  readonly #pending = new Map<string, Shortage>();
  /** Peers that left a request unanswered: not waited for until they are heard again. */
  readonly #silent = new Set<string>();
  #counter = 0;

  constructor(deps: RequestsDeps) {
    this.#deps = deps;
  }

  take(scope: Scope, key: string, rate: Rate, nowMs: number): Decision | Promise<Decision> {
    const known = this.#shortages[scope].get(key);
    if (known !== undefined) {
      known.rate = rate;
      if (known.request !== undefined) return this.#queue(known);
      if (known.nextRequestAtMs > nowMs) return refused('spent', rate, known.nextRequestAtMs - nowMs);
    }
    if (this.#deps.peers().size === 0) return this.#refuseAlone(scope, key, rate, nowMs);
    if (!this.#deps.isConnected()) return refused('unavailable', rate, RETRY_MS);
    if (this.#pending.size >= MAX_REQUESTS) return refused('full', rate, REQUEST_MS);
    if (known === undefined && this.#shortages[scope].size >= MAX_SHORTAGES) return refused('full', rate, RETRY_MS);
    const shortage = known ?? { scope, key, rate, waiters: [], request: undefined, rounds: 0, nextRequestAtMs: 0 };
    this.#shortages[scope].set(key, shortage);
    shortage.rounds = 0;
    const decision = this.#queue(shortage);
    this.#launch(shortage, this.#deps.peers().size);
    return decision;
  }

  onGrant({ from, requestId: id, amount, left }: Message & { kind: 'grant' }, nowMs: number): void {
    const shortage = this.#pending.get(id);
    const request = shortage?.request;
    // Late tokens are lost: their granter counts them no longer than this.
    if (shortage === undefined || request?.id !== id || nowMs - request.sentAtMs > LEASE_MS) return;
    if (request.counted.includes(from)) return;
    request.counted.push(from);
    request.awaiting.delete(from);
    request.received += amount;
    request.unspent += amount;
    request.left += left;
    if (left > ROUNDING) request.richGranters++;
    this.#serve(shortage, request, nowMs);
    if (request.awaiting.size === 0) this.#conclude(shortage, request, nowMs);
  }

  hear(id: string): void {
    if (this.#silent.size > 0) this.#silent.delete(id);
  }

  ownPriority(scope: Scope, key: string): number | undefined {
    return this.#shortages[scope].get(key)?.request?.priority;
  }

  sweep(nowMs: number): void {
    for (const shortages of Object.values(this.#shortages)) {
      for (const [key, { request, nextRequestAtMs }] of shortages) {
        if (request === undefined && nextRequestAtMs <= nowMs) shortages.delete(key);
      }
    }
    for (const id of this.#silent) if (!this.#deps.peers().has(id)) this.#silent.delete(id);
  }

  close(): void {
    for (const { request, waiters, rate } of this.#pending.values()) {
      request?.cancel();
      for (const resolve of waiters.splice(0)) resolve(refused('unavailable', rate, RETRY_MS));
    }
    this.#pending.clear();
    for (const shortages of Object.values(this.#shortages)) shortages.clear();
  }

  #refuseAlone(scope: Scope, key: string, rate: Rate, nowMs: number): Decision {
    const share = this.#deps.share();
    if (share === 0 || !this.#deps.isUsable(nowMs)) return refused('unavailable', rate, RETRY_MS);
    const missing = 1 - this.#deps.tables[scope].level(key, rate, nowMs);
    return refused('spent', rate, missing / (share * perMs(rate)));
  }

  #queue(shortage: Shortage): Decision | Promise<Decision> {
    if (shortage.waiters.length >= MAX_WAITERS_PER_KEY) return refused('spent', shortage.rate, REQUEST_MS);
    return new Promise((resolve) => shortage.waiters.push(resolve));
  }

  #ownLevel({ scope, key, rate }: Shortage, nowMs: number): number {
    return this.#deps.isUsable(nowMs) ? this.#deps.tables[scope].level(key, rate, nowMs) : 0;
  }

  /** Requests an equal part of the shortfall from each peer, so the sum never exceeds the free capacity here. */
  #launch(shortage: Shortage, granters: number): void {
    const { clock, send, id, peers, random } = this.#deps;
    const { scope, key, rate } = shortage;
    const nowMs = clock.now();
    const missing = Math.max(1, shortage.waiters.length) - this.#ownLevel(shortage, nowMs);
    const stock = this.#deps.isUsable(nowMs) ? (this.#deps.share() * capacityOf(rate)) / 2 : 0;
    const request: Request = {
      id: `${id()}.${(this.#counter++).toString(36)}`,
      sentAtMs: nowMs,
      priority: random(),
      awaiting: new Set([...peers().keys()].filter((peer) => !this.#silent.has(peer))),
      counted: [],
      received: 0,
      unspent: 0,
      left: 0,
      richGranters: 0,
      // Waits one more turn: after a stall of this process the answers lie unread in the socket.
      cancel: clock.after(REQUEST_MS, () => {
        request.cancel = clock.after(1, () => this.#conclude(shortage, request, clock.now()));
      }),
    };
    shortage.request = request;
    shortage.rounds++;
    this.#pending.set(request.id, shortage);
    send(null, {
      from: id(),
      kind: 'request',
      requestId: request.id,
      scope,
      key,
      perMinute: rate.perMinute,
      burst: capacityOf(rate),
      need: missing / granters,
      stock: stock / granters,
      priority: request.priority,
    });
  }

  /** Admits waiters in order, first with granted tokens, then with those earned here. */
  #serve(shortage: Shortage, request: Request, nowMs: number): void {
    const { scope, key, rate, waiters } = shortage;
    while (waiters.length > 0) {
      const own = request.unspent >= 1 - ROUNDING ? 0 : 1 - request.unspent;
      if (own > 0) {
        if (this.#ownLevel(shortage, nowMs) < own - ROUNDING) return;
        this.#deps.tables[scope].add(key, rate, -own, nowMs);
      }
      request.unspent -= 1 - own;
      waiters.shift()?.(ALLOWED);
    }
  }

  #conclude(shortage: Shortage, request: Request, nowMs: number): void {
    if (shortage.request !== request) return;
    request.cancel();
    shortage.request = undefined;
    this.#pending.delete(request.id);
    for (const id of request.awaiting) this.#silent.add(id);
    const { waiters, rate } = shortage;
    const again = waiters.length > 0 && request.richGranters > 0 && shortage.rounds < MAX_ROUNDS;
    // With too little, granted tokens are worth more at their granters: here they might exceed this replica's part.
    this.#settle(shortage, request, again || waiters.length === 0, nowMs);
    if (again) {
      this.#launch(shortage, request.richGranters);
      return;
    }
    if (waiters.length === 0) {
      this.#shortages[shortage.scope].delete(shortage.key);
      return;
    }
    const missing = 1 - this.#ownLevel(shortage, nowMs) - request.left - request.unspent;
    const earnedMs = Math.max(1, missing / perMs(rate));
    // If answers are missing, the total is unknown: wait as long as a request may take.
    const retryMs = request.awaiting.size === 0 ? earnedMs : Math.max(earnedMs, REQUEST_MS);
    shortage.nextRequestAtMs = nowMs + retryMs;
    const refusal = refused('spent', rate, retryMs);
    for (const resolve of waiters.splice(0)) resolve(refusal);
  }

  /** Keeps the granted tokens that fit into the bucket here, or none, and returns the rest. */
  #settle({ scope, key, rate }: Shortage, request: Request, keep: boolean, nowMs: number): void {
    const { counted, received, unspent } = request;
    if (received <= 0 && request.awaiting.size === 0) return;
    const keeps = keep && unspent > 0 && this.#deps.isUsable(nowMs);
    const kept = keeps ? this.#deps.tables[scope].add(key, rate, unspent, nowMs) : 0;
    const back = received > 0 ? Math.min(1, Math.max(0, (unspent - kept) / received)) : 0;
    this.#deps.send(null, { from: this.#deps.id(), kind: 'settle', requestId: request.id, back, counted });
  }
}
