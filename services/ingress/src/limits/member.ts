import { Asks } from './asks.ts';
import type { Clock, Message, Roster, Send } from './cluster.ts';
import { ALLOWED, type Decision, type Rate, refused, type Scope } from './decision.ts';
import { Giving } from './giving.ts';
import type { LimiterState } from './limiter.ts';
import { Membership, type MembershipOptions } from './membership.ts';
import { BucketTable, CROWDED, TAKEN } from './table.ts';

/** What a replica of the limiter needs from outside. */
export interface MemberDeps {
  roster: Roster;
  clock: Clock;
  send: Send;
  isConnected: () => boolean;
  random: () => number;
}

export type MemberOptions = Omit<MembershipOptions, 'onReset' | 'onActive'> & { maxKeys: number };

/** Per quarter of the TTL: about a millisecond of work. */
const SWEEP_KEYS = 20_000;

/** One replica of the limiter, without its transport: what openLimiter runs on NATS and the tests run in simulated time. */
export class Member {
  readonly #deps: MemberDeps;
  readonly #membership: Membership;
  readonly #tables: Record<Scope, BucketTable>;
  readonly #asks: Asks;
  readonly #giving: Giving;
  #cancelSweep: () => void = () => undefined;
  #onActive: () => void = () => undefined;
  #closed = false;

  constructor(deps: MemberDeps, options: MemberOptions) {
    const { roster, clock, send, isConnected, random } = deps;
    this.#deps = deps;
    const onReset = (): void => {
      for (const table of Object.values(this.#tables)) table.clear();
      this.#giving.clear();
    };
    this.#membership = new Membership(roster, clock, send, { ...options, onReset, onActive: () => this.#onActive() });
    const membership = this.#membership;
    const shares = () => membership.shares;
    this.#tables = { ip: new BucketTable(shares, options.maxKeys), site: new BucketTable(shares, options.maxKeys) };
    const tables = this.#tables;
    const id = (): string => membership.id;
    const isUsable = (nowMs: number): boolean => membership.isUsable(nowMs);
    const share = (): number => membership.shares.share;
    const peers = () => membership.peers;
    this.#asks = new Asks({ tables, clock, send, id, share, peers, isUsable, isConnected, random });
    const ownRank = (scope: Scope, key: string) => this.#asks.ownRank(scope, key);
    this.#giving = new Giving({ tables, send, id, isUsable, ownRank });
    this.#scheduleSweep(options.ttlMs / 4);
  }

  get id(): string {
    return this.#membership.id;
  }

  get isActive(): boolean {
    return this.#membership.isActive;
  }

  start(): void {
    this.#membership.start();
  }

  /** Resolves once this replica has its share, or after `ms`. */
  activeWithin(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#deps.clock.after(ms, resolve);
      this.#onActive = () => {
        cancel();
        resolve();
      };
    });
  }

  take(scope: Scope, key: string, rate: Rate): Decision | Promise<Decision> {
    if (rate.perMinute <= 0) return ALLOWED;
    const nowMs = this.#deps.clock.now();
    if (this.#membership.isUsable(nowMs)) {
      const taking = this.#tables[scope].take(key, rate, nowMs);
      if (taking === TAKEN) return ALLOWED;
      if (taking === CROWDED) return refused('crowded', rate, 1_000);
    }
    return this.#closed ? refused('unavailable', rate, 1_000) : this.#asks.take(scope, key, rate, nowMs);
  }

  /** Takes in a message that was sent to everyone (`null`) or to one incarnation. */
  receive(to: string | null, message: Message): void {
    if (this.#closed || message.from === this.id || (to !== null && to !== this.id)) return;
    const nowMs = this.#deps.clock.now();
    this.#asks.hear(message.from);
    if (message.kind === 'ask') this.#giving.onAsk(message, nowMs);
    else if (message.kind === 'gift') this.#asks.onGift(message, nowMs);
    else if (message.kind === 'settle') this.#giving.onSettle(message, nowMs);
    else this.#membership.receive(message);
  }

  state(): LimiterState {
    const { clock } = this.#deps;
    return {
      share: this.#membership.isUsable(clock.now()) ? this.#membership.shares.share : 0,
      members: this.#membership.peers.size + 1,
      keys: this.#tables.ip.size + this.#tables.site.size,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelSweep();
    this.#asks.close();
    await this.#membership.close(Math.max(this.#tables.ip.giftsUntilMs(), this.#tables.site.giftsUntilMs()));
  }

  #scheduleSweep(everyMs: number): void {
    this.#cancelSweep = this.#deps.clock.after(everyMs, () => {
      const nowMs = this.#deps.clock.now();
      for (const table of Object.values(this.#tables)) table.sweep(SWEEP_KEYS, nowMs);
      this.#asks.sweep(nowMs);
      this.#giving.sweep(nowMs);
      this.#scheduleSweep(everyMs);
    });
  }
}
