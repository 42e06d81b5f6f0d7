import { LEASE_MS, type Message, type Send } from './cluster.ts';
import type { Rate, Scope } from './decision.ts';
import type { BucketTable } from './table.ts';

export interface GivingDeps {
  tables: Record<Scope, BucketTable>;
  send: Send;
  id: () => string;
  isUsable: (nowMs: number) => boolean;
  /** The rank of the ask that this replica has out for the key, if any. */
  ownRank: (scope: Scope, key: string) => number | undefined;
}

interface Given {
  scope: Scope;
  key: string;
  rate: Rate;
  to: string;
  untilMs: number;
}

/** The giving side: answers asks with tokens of this replica's buckets, and takes back what was not used. */
export class Giving {
  readonly #deps: GivingDeps;
  readonly #given = new Map<string, Given>();

  constructor(deps: GivingDeps) {
    this.#deps = deps;
  }

  onAsk(ask: Message & { kind: 'ask' }, nowMs: number): void {
    const { scope, key, flight, from } = ask;
    const rate: Rate = { perMinute: ask.perMinute, burst: ask.burst };
    const { amount, left } = this.#amount(ask, rate, nowMs);
    if (amount > 0) {
      const untilMs = nowMs + LEASE_MS;
      this.#deps.tables[scope].give(key, rate, { id: flight, amount, untilMs }, nowMs);
      this.#given.set(flight, { scope, key, rate, to: from, untilMs });
    }
    this.#deps.send(from, { from: this.#deps.id(), kind: 'gift', flight, amount, left });
  }

  #amount(ask: Message & { kind: 'ask' }, rate: Rate, nowMs: number): { amount: number; left: number } {
    const nothing = { amount: 0, left: 0 };
    if (!this.#deps.isUsable(nowMs)) return nothing;
    const ownRank = this.#deps.ownRank(ask.scope, ask.key);
    if (ownRank !== undefined && ownRank < ask.rank) return nothing;
    const level = Math.max(0, this.#deps.tables[ask.scope].level(ask.key, rate, nowMs));
    const needed = Math.min(level, ask.need);
    const spare = level - needed;
    // A stock saves the next ask; half stays, so that two busy replicas do not pass it to and fro.
    const amount = needed + (spare >= 2 ? Math.min(spare / 2, ask.stock) : 0);
    return { amount, left: level - amount };
  }

  onSettle(settle: Message & { kind: 'settle' }, nowMs: number): void {
    const given = this.#given.get(settle.flight);
    if (given === undefined || given.to !== settle.from) return;
    this.#given.delete(settle.flight);
    const back = settle.counted.includes(this.#deps.id()) ? settle.back : 1;
    if (given.untilMs > nowMs) this.#deps.tables[given.scope].settle(given.key, given.rate, settle.flight, back, nowMs);
  }

  /** Forgets gifts that no one settled; their tokens are lost. */
  sweep(nowMs: number): void {
    for (const [flight, { untilMs }] of this.#given) {
      if (untilMs > nowMs) break;
      this.#given.delete(flight);
    }
  }

  clear(): void {
    this.#given.clear();
  }
}
