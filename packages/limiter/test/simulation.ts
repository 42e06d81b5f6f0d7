import type { Rate } from '../src/decision.ts';
import { Member } from '../src/member.ts';
import type { Clock, EntryValue, Message, Roster, RosterEntry, Send } from '../src/model.ts';

/** How bad the simulated network is. */
export interface Network {
  /** Parts of messages and of roster calls that are lost, and of those that come late. */
  loss: number;
  late: number;
  maxDelayMs: number;
  /** How late a late one comes, at most. */
  maxLateMs: number;
}

export const CALM: Network = { loss: 0, late: 0, maxDelayMs: 1, maxLateMs: 0 };

interface Event {
  atMs: number;
  order: number;
  run: () => void;
}

interface Stored {
  revision: number;
  id: string;
  value: EntryValue | null;
  storedAtMs: number;
}

/** A simulated process with a limiter in it. */
interface Process {
  member: Member;
  memberId: string;
  alive: boolean;
  connected: boolean;
  /** Stopped until then: nothing of it runs. */
  pausedUntilMs: number;
}

const CALL_TIMEOUT_MS = 400;

/** A cluster of limiters in virtual time, with one rate for all keys; `random` makes every run the same. */
export class Simulation {
  readonly processes: Process[] = [];
  /** When each admission happened, by key. */
  readonly admissions = new Map<string, number[]>();
  readonly faults: unknown[] = [];
  messages = 0;
  nowMs = 0;
  network: Network;
  readonly #random: () => number;
  readonly #rate: Rate;
  readonly #ttlMs: number;
  readonly #log: Stored[] = [];
  #queue: Event[] = [];
  #order = 0;
  #names = 0;

  constructor(random: () => number, rate: Rate, network: Network, ttlMs = 1_000) {
    this.#random = random;
    this.#rate = rate;
    this.network = network;
    this.#ttlMs = ttlMs;
  }

  /** Starts a replica; under the name of a dead one it is that one's restart. */
  start(memberId = `replica-${this.#names++}`): Process {
    const offsetMs = this.#random() * 1e6;
    const clock: Clock = {
      now: () => this.nowMs + offsetMs,
      wallNow: () => this.nowMs,
      after: (ms, callback) => {
        let cancelled = false;
        this.#at(this.nowMs + ms, () => this.#execute(process, () => (cancelled ? undefined : callback())));
        return () => {
          cancelled = true;
        };
      },
    };
    const process: Process = { memberId, alive: true, connected: true, pausedUntilMs: 0 } as Process;
    const name = `process-${this.#names++}`;
    let epochs = 0;
    process.member = new Member(
      {
        roster: this.#roster(process),
        clock,
        send: this.#sendFrom(process),
        isConnected: () => process.connected,
        random: this.#random,
      },
      {
        memberId,
        ttlMs: this.#ttlMs,
        maxKeys: 10_000,
        newId: () => `${name}.${epochs++}`,
        onFault: (error) => this.faults.push(error),
      },
    );
    this.processes.push(process);
    process.member.start();
    return process;
  }

  /** One request, at a process that may be stopped or dead. */
  take(process: Process | undefined, key: string): void {
    if (process === undefined || !process.alive || process.pausedUntilMs > this.nowMs) return;
    const decision = process.member.take('site', key, this.#rate);
    const admit = (allowed: boolean): void => {
      if (!allowed) return;
      const times = this.admissions.get(key) ?? [];
      times.push(this.nowMs);
      this.admissions.set(key, times);
    };
    if (decision instanceof Promise) void decision.then(({ allowed }) => admit(allowed && process.alive));
    else admit(decision.allowed);
  }

  crash(process: Process): void {
    process.alive = false;
  }

  leave(process: Process): void {
    void process.member.close().then(() => {
      process.alive = false;
    });
  }

  /** Cuts a process off from NATS for a while. */
  cut(process: Process, forMs: number): void {
    process.connected = false;
    this.schedule(forMs, () => {
      process.connected = true;
    });
  }

  schedule(inMs: number, run: () => void): void {
    this.#at(this.nowMs + inMs, run);
  }

  /** Lets virtual time pass. */
  async run(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    await nextTurn();
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#queue.shift();
      this.nowMs = next.atMs;
      next.run();
      await nextTurn();
    }
    this.nowMs = untilMs;
  }

  #at(atMs: number, run: () => void): void {
    const event = { atMs, order: this.#order++, run };
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#queue[middle];
      if (other !== undefined && (other.atMs < atMs || (other.atMs === atMs && other.order < event.order)))
        low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, event);
  }

  /** Runs something inside a process: later if it is stopped, never if it is dead. */
  #execute(process: Process, run: () => void): void {
    if (!process.alive) return;
    if (process.pausedUntilMs > this.nowMs) this.#at(process.pausedUntilMs, () => this.#execute(process, run));
    else run();
  }

  #delayMs(): number {
    const isLate = this.#random() < this.network.late;
    return this.#random() * (isLate ? this.network.maxLateMs : this.network.maxDelayMs);
  }

  #isLost(): boolean {
    return this.#random() < this.network.loss;
  }

  #sendFrom(sender: Process): Send {
    return (to: string | null, message: Message) => {
      this.messages++;
      if (!sender.connected) return;
      for (const receiver of this.processes) {
        if (receiver === sender || this.#isLost()) continue;
        this.#at(this.nowMs + this.#delayMs(), () => {
          if (receiver.connected) this.#execute(receiver, () => receiver.member.receive(to, message));
        });
      }
    };
  }

  #roster(process: Process): Roster {
    const call = <T>(apply: () => T): Promise<T> =>
      new Promise((resolve, reject) => {
        let answered = false;
        const answer = (run: () => void): void =>
          this.#execute(process, () => {
            if (answered) return;
            answered = true;
            run();
          });
        this.#at(this.nowMs + CALL_TIMEOUT_MS, () => answer(() => reject(new Error('the roster is away'))));
        if (!process.connected || this.#isLost()) return;
        this.#at(this.nowMs + this.#delayMs(), () => {
          const result = apply();
          if (this.#isLost()) return;
          this.#at(this.nowMs + this.#delayMs(), () => {
            if (process.connected) answer(() => resolve(result));
          });
        });
      });
    return {
      enter: (id, value) => call(() => this.#write(id, value)),
      refresh: (id, value, revision) => call(() => (this.#isAt(id, revision) ? this.#write(id, value) : null)),
      remove: (id, revision) => call(() => this.#isAt(id, revision) && this.#write(id, null) > 0),
      list: () => call(() => this.#list()),
    };
  }

  #write(id: string, value: EntryValue | null): number {
    const revision = this.#log.length + 1;
    this.#log.push({ revision, id, value, storedAtMs: this.nowMs });
    return revision;
  }

  #isAt(id: string, revision: number): boolean {
    return this.#log.findLast((stored) => stored.id === id)?.revision === revision;
  }

  /** A prefix of the log, as a server shows it that has not caught up. */
  #list(): RosterEntry[] {
    const lag = this.#random() < this.network.late ? Math.floor(this.#random() * 5) : 0;
    const last = new Map(this.#log.slice(0, this.#log.length - lag).map((stored) => [stored.id, stored]));
    return [...last.values()].map(({ id, value, revision, storedAtMs }) => ({
      id,
      live: value !== null,
      memberId: value?.memberId ?? '',
      entered: value?.entered ?? revision,
      revision,
      storedAtMs,
    }));
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The most by which any window of these admissions exceeds burst + rate × length; at most 0 if the bound holds. */
export function excess(admissions: readonly number[], rate: Rate): number {
  let lowest = Number.POSITIVE_INFINITY;
  let worst = Number.NEGATIVE_INFINITY;
  for (const [index, atMs] of admissions.entries()) {
    const earned = (atMs * rate.perMinute) / 60_000;
    lowest = Math.min(lowest, index - earned);
    worst = Math.max(worst, index + 1 - earned - lowest - rate.burst);
  }
  return worst;
}
