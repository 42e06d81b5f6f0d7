import { ALLOWED, type Decision, type Rate, refused, type Scope } from './decision.ts';
import { Grants } from './grants.ts';
import { Membership, type MembershipOptions } from './membership.ts';
import type { Clock, LimiterState, Message, Roster, Send } from './model.ts';
import { Requests } from './requests.ts';
import { BucketTable, FULL, TAKEN } from './table.ts';

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

/** One replica without its transport: on NATS in openLimiter, in simulated time in tests. */
export class Member {
  readonly #deps: MemberDeps;
  readonly #membership: Membership;
  readonly #tables: Record<Scope, BucketTable>;
  readonly #requests: Requests;
  readonly #grants: Grants;
  #cancelSweep: () => void = () => undefined;
  #onActive: () => void = () => undefined;
  #closed = false;

  constructor(deps: MemberDeps, options: MemberOptions) {
    const { roster, clock, send, isConnected, random } = deps;
    this.#deps = deps;
    const onReset = (): void => {
      for (const table of Object.values(this.#tables)) table.clear();
      this.#grants.clear();
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
    this.#requests = new Requests({ tables, clock, send, id, share, peers, isUsable, isConnected, random });
    const ownPriority = (scope: Scope, key: string) => this.#requests.ownPriority(scope, key);
    this.#grants = new Grants({ tables, send, id, isUsable, ownPriority });
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
      if (taking === FULL) return refused('full', rate, 1_000);
    }
    return this.#closed ? refused('unavailable', rate, 1_000) : this.#requests.take(scope, key, rate, nowMs);
  }

  /** `to` is an epoch, or null for everyone. */
  receive(to: string | null, message: Message): void {
    if (this.#closed || message.from === this.id || (to !== null && to !== this.id)) return;
    const nowMs = this.#deps.clock.now();
    this.#requests.hear(message.from);
    if (message.kind === 'request') this.#grants.onRequest(message, nowMs);
    else if (message.kind === 'grant') this.#requests.onGrant(message, nowMs);
    else if (message.kind === 'settle') this.#grants.onSettle(message, nowMs);
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
    this.#requests.close();
    await this.#membership.close(Math.max(this.#tables.ip.grantsUntilMs(), this.#tables.site.grantsUntilMs()));
  }

  #scheduleSweep(everyMs: number): void {
    this.#cancelSweep = this.#deps.clock.after(everyMs, () => {
      const nowMs = this.#deps.clock.now();
      for (const table of Object.values(this.#tables)) table.sweep(SWEEP_KEYS, nowMs);
      this.#requests.sweep(nowMs);
      this.#grants.sweep(nowMs);
      this.#scheduleSweep(everyMs);
    });
  }
}
