import type { Rate, Scope } from './decision.ts';
import { LEASE_MS, type Message, type Send } from './model.ts';
import type { BucketTable } from './table.ts';

export interface GrantsDeps {
  tables: Record<Scope, BucketTable>;
  send: Send;
  id: () => string;
  isUsable: (nowMs: number) => boolean;
  /** The priority of this replica's own pending request for the key. */
  ownPriority: (scope: Scope, key: string) => number | undefined;
}

interface Given {
  scope: Scope;
  key: string;
  rate: Rate;
  to: string;
  untilMs: number;
}

export class Grants {
  readonly #deps: GrantsDeps;
  readonly #given = new Map<string, Given>();

  constructor(deps: GrantsDeps) {
    this.#deps = deps;
  }

  onRequest(request: Message & { kind: 'request' }, nowMs: number): void {
    const { scope, key, requestId, from } = request;
    const rate: Rate = { perMinute: request.perMinute, burst: request.burst };
    const { amount, left } = this.#amount(request, rate, nowMs);
    if (amount > 0) {
      const untilMs = nowMs + LEASE_MS;
      this.#deps.tables[scope].give(key, rate, { id: requestId, amount, untilMs }, nowMs);
      this.#given.set(requestId, { scope, key, rate, to: from, untilMs });
    }
    this.#deps.send(from, { from: this.#deps.id(), kind: 'grant', requestId, amount, left });
  }

  #amount(request: Message & { kind: 'request' }, rate: Rate, nowMs: number): { amount: number; left: number } {
    const nothing = { amount: 0, left: 0 };
    if (!this.#deps.isUsable(nowMs)) return nothing;
    const ownPriority = this.#deps.ownPriority(request.scope, request.key);
    if (ownPriority !== undefined && ownPriority < request.priority) return nothing;
    const level = Math.max(0, this.#deps.tables[request.scope].level(request.key, rate, nowMs));
    const needed = Math.min(level, request.need);
    const spare = level - needed;
    // A stock saves the next request; half stays, so two busy replicas do not pass it to and fro.
    const amount = needed + (spare >= 2 ? Math.min(spare / 2, request.stock) : 0);
    return { amount, left: level - amount };
  }

  onSettle(settle: Message & { kind: 'settle' }, nowMs: number): void {
    const given = this.#given.get(settle.requestId);
    if (given === undefined || given.to !== settle.from) return;
    this.#given.delete(settle.requestId);
    const back = settle.counted.includes(this.#deps.id()) ? settle.back : 1;
    if (given.untilMs > nowMs)
      this.#deps.tables[given.scope].endGrant(given.key, given.rate, settle.requestId, back, nowMs);
  }

  /** Forgets unsettled grants; their tokens are lost. */
  sweep(nowMs: number): void {
    for (const [requestId, { untilMs }] of this.#given) {
      if (untilMs > nowMs) break;
      this.#given.delete(requestId);
    }
  }

  clear(): void {
    this.#given.clear();
  }
}
