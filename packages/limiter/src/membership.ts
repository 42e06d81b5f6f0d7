import { type Clock, LEASE_MS, type Message, REQUEST_MS, type Roster, type RosterEntry, type Send } from './model.ts';
import { Shares } from './shares.ts';

export interface MembershipOptions {
  /** Names the process; a restart under the same name declares its predecessor dead. */
  memberId: string;
  ttlMs: number;
  newId: () => string;
  onFault: (error: unknown) => void;
  /** The epoch was evicted: all its tokens are void. */
  onReset: () => void;
  onActive: () => void;
}

interface Peer {
  revision: number | null;
  seenAtMs: number;
}

/**
 * Keeps this replica's membership, and with it its share of each limit. Safety rests on one rule: of two active members
 * each counts the other, so shares sum to at most 1. All members count a newcomer before it is active. They stop
 * counting a member only once its entry is gone: it left, or another member removed the entry by compare-and-swap after
 * its lease had certainly expired.
 */
export class Membership {
  readonly #roster: Roster;
  readonly #clock: Clock;
  readonly #send: Send;
  readonly #options: MembershipOptions;
  readonly #evictAfterMs: number;
  readonly #peers = new Map<string, Peer>();
  readonly #acknowledged = new Set<string>();
  #shares: Shares;
  #id: string;
  #state: 'joining' | 'active' | 'closed' = 'joining';
  #revision = 0;
  #entered = 0;
  #enteredAtMs = 0;
  #settledAtMs = 0;
  #leaseEndsAtMs = Number.NEGATIVE_INFINITY;
  #wallLeaseEndsAtMs = Number.NEGATIVE_INFINITY;
  #heardActive = false;
  #wake: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(roster: Roster, clock: Clock, send: Send, options: MembershipOptions) {
    this.#roster = roster;
    this.#clock = clock;
    this.#send = send;
    this.#options = options;
    this.#evictAfterMs = options.ttlMs + Math.max(options.ttlMs / 4, 2 * LEASE_MS);
    this.#id = options.newId();
    this.#shares = new Shares(0, clock.now());
  }

  get id(): string {
    return this.#id;
  }

  get shares(): Shares {
    return this.#shares;
  }

  get peers(): ReadonlyMap<string, unknown> {
    return this.#peers;
  }

  get isActive(): boolean {
    return this.#state === 'active';
  }

  /** True while the last confirmed refresh is too young for an eviction. */
  isUsable(nowMs: number): boolean {
    return this.#state === 'active' && nowMs < this.#leaseEndsAtMs && this.#clock.wallNow() < this.#wallLeaseEndsAtMs;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Stops spending before the entry is removed. */
  async close(grantsUntilMs: number): Promise<void> {
    this.#state = 'closed';
    this.#wake();
    await this.#running;
    if (this.#revision === 0) return;
    const wait = grantsUntilMs - this.#clock.now();
    if (wait > 0) await new Promise<void>((resolve) => void this.#clock.after(wait, resolve));
    await this.#roster.remove(this.#id, this.#revision).catch(() => false);
    this.#send(null, { from: this.#id, kind: 'left' });
  }

  receive(message: Message): void {
    if (this.#state === 'closed' || message.from === this.#id) return;
    if (message.kind === 'join') this.#countNewcomer(message.from);
    else if (message.kind === 'joined') this.#acknowledge(message.from, message.active);
    else if (message.kind === 'left') this.#wake();
  }

  #countNewcomer(id: string): void {
    const isNew = !this.#peers.has(id);
    this.#count(id, null);
    this.#send(id, { from: this.#id, kind: 'joined', active: this.#state === 'active' });
    if (isNew && this.#state === 'joining') this.#send(id, { from: this.#id, kind: 'join' });
  }

  #acknowledge(id: string, active: boolean): void {
    if (this.#state !== 'joining') return;
    this.#count(id, null);
    if (active) this.#heardActive = true;
    if (this.#acknowledged.has(id)) return;
    this.#acknowledged.add(id);
    this.#settledAtMs = this.#clock.now() + LEASE_MS;
  }

  #count(id: string, revision: number | null): void {
    const peer = this.#peers.get(id);
    if (peer !== undefined && (revision === null || peer.revision === revision)) return;
    this.#peers.set(id, { revision, seenAtMs: this.#clock.now() });
    this.#divide();
  }

  #drop(id: string): void {
    if (!this.#peers.delete(id)) return;
    this.#acknowledged.delete(id);
    this.#divide();
  }

  #divide(): void {
    if (this.#state === 'active') this.#shares.set(1 / (this.#peers.size + 1), this.#clock.now());
  }

  async #run(): Promise<void> {
    let isFailing = false;
    while (this.#state !== 'closed') {
      try {
        await (this.#revision === 0 ? this.#enter() : this.#refresh());
        if (this.#revision !== 0) await this.#observe();
        isFailing = false;
      } catch (error) {
        if (!isFailing && !this.#isClosed()) this.#options.onFault(error);
        isFailing = true;
      }
      if (this.#isClosed()) return;
      await this.#pause(this.#state === 'joining' && !isFailing ? REQUEST_MS : this.#options.ttlMs / 4);
    }
  }

  // A method, because the compiler does not see that the state changes during an await.
  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  async #enter(): Promise<void> {
    const [sentAtMs, wallSentAtMs] = [this.#clock.now(), this.#clock.wallNow()];
    const revision = await this.#roster.enter(this.#id, { memberId: this.#options.memberId });
    this.#entered = revision;
    this.#enteredAtMs = this.#clock.now();
    this.#confirm(revision, sentAtMs, wallSentAtMs);
    this.#send(null, { from: this.#id, kind: 'join' });
  }

  async #refresh(): Promise<void> {
    const [sentAtMs, wallSentAtMs] = [this.#clock.now(), this.#clock.wallNow()];
    const value = { memberId: this.#options.memberId, entered: this.#entered };
    const revision = await this.#roster.refresh(this.#id, value, this.#revision);
    if (revision !== null) return this.#confirm(revision, sentAtMs, wallSentAtMs);
    // A refresh whose answer was lost has moved the entry on, or the entry is gone.
    const own = (await this.#roster.list()).find(({ id }) => id === this.#id);
    if (own?.live) this.#revision = own.revision;
    else await this.#reset();
  }

  #confirm(revision: number, sentAtMs: number, wallSentAtMs: number): void {
    this.#revision = revision;
    this.#leaseEndsAtMs = sentAtMs + this.#options.ttlMs;
    this.#wallLeaseEndsAtMs = wallSentAtMs + this.#options.ttlMs;
  }

  async #reset(): Promise<void> {
    if (this.#isClosed()) return;
    this.#state = 'joining';
    this.#id = this.#options.newId();
    this.#revision = 0;
    this.#heardActive = false;
    this.#peers.clear();
    this.#acknowledged.clear();
    this.#shares = new Shares(0, this.#clock.now());
    this.#options.onReset();
    await this.#enter();
  }

  async #observe(): Promise<void> {
    const entries = await this.#roster.list();
    const own = entries.find(({ id }) => id === this.#id);
    // Only a list that shows our last write shows every member that entered before.
    if (own === undefined || own.revision < this.#revision) return;
    const listed = new Set<string>();
    let evicted = false;
    for (const entry of entries) {
      listed.add(entry.id);
      if (entry.id === this.#id) continue;
      if (!entry.live) this.#drop(entry.id);
      else if (this.#isPredecessor(entry)) evicted = (await this.#evict(entry.id, entry.revision)) || evicted;
      else this.#count(entry.id, entry.revision);
    }
    evicted = (await this.#evictSilent(listed)) || evicted;
    // The list does not hold the tombstone of a member that was just evicted.
    if (this.#state === 'joining' && !evicted) this.#tryToActivate(entries, own);
  }

  #isPredecessor(entry: RosterEntry): boolean {
    return entry.memberId === this.#options.memberId && entry.entered < this.#entered;
  }

  async #evict(id: string, revision: number): Promise<boolean> {
    const removed = await this.#roster.remove(id, revision);
    if (removed) this.#drop(id);
    else this.#count(id, null);
    return removed;
  }

  async #evictSilent(listed: ReadonlySet<string>): Promise<boolean> {
    let evicted = false;
    for (const [id, { revision, seenAtMs }] of [...this.#peers]) {
      if (this.#clock.now() - seenAtMs <= this.#evictAfterMs) continue;
      // Known only from its messages, or its tombstone has expired.
      if (!listed.has(id)) this.#drop(id);
      else if (revision !== null) evicted = (await this.#evict(id, revision)) || evicted;
    }
    return evicted;
  }

  #tryToActivate(entries: readonly RosterEntry[], own: RosterEntry): void {
    const nowMs = this.#clock.now();
    const others = entries.filter(({ id }) => id !== this.#id);
    // A later member needs our acknowledgement to be active, so the first needs none.
    const isFirst = !others.some(({ live, entered, id }) => live && entered < this.#entered && this.#peers.has(id));
    if (isFirst && !this.#heardActive) {
      if (nowMs - this.#enteredAtMs < REQUEST_MS) return;
      this.#state = 'active';
      this.#shares = new Shares(1 / (this.#peers.size + 1), this.#emptySinceMs(others, own));
      this.#options.onActive();
      return;
    }
    const waitingFor = [...this.#peers.keys()].filter((id) => !this.#acknowledged.has(id));
    for (const id of waitingFor) this.#send(id, { from: this.#id, kind: 'join' });
    if (waitingFor.length > 0 || nowMs < this.#settledAtMs) return;
    this.#state = 'active';
    this.#divide();
    this.#options.onActive();
  }

  /** When the last earlier member ended: until then it may have emptied every bucket. -Infinity if there was none. */
  #emptySinceMs(others: readonly RosterEntry[], own: RosterEntry): number {
    const tombstones = others.filter(({ live }) => !live);
    if (tombstones.length === 0) return Number.NEGATIVE_INFINITY;
    const elapsedMs = own.storedAtMs - Math.max(...tombstones.map(({ storedAtMs }) => storedAtMs));
    return this.#clock.now() - Math.max(0, elapsedMs);
  }
}
