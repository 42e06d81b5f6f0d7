import type { Scope } from './decision.ts';

/** What replicas say to each other over core NATS; `from` is the sender's incarnation. */
export type Message = { from: string } & (
  | {
      /** Asks for tokens: each replica may give `need`, and up to `stock` more if it has plenty. */
      kind: 'ask';
      flight: string;
      scope: Scope;
      key: string;
      perMinute: number;
      burst: number;
      need: number;
      stock: number;
      /** Decides between replicas that ask each other for the same key: the lower one gets. */
      rank: number;
    }
  | { kind: 'gift'; flight: string; amount: number; left: number }
  | {
      /** Ends a flight: those counted get this part of their gift back, all others the whole. */
      kind: 'settle';
      flight: string;
      back: number;
      counted: string[];
    }
  | { kind: 'join' }
  /** Says that the sender divides by a number that counts the receiver. */
  | { kind: 'joined'; active: boolean }
  | { kind: 'left' }
);

/** Sends to one incarnation, or to all others (`null`). Never throws: a message may be lost. */
export type Send = (to: string | null, message: Message) => void;

/** Time, as the limiter sees it. */
export interface Clock {
  /** Monotonic milliseconds. */
  now: () => number;
  /** Wall clock: it goes on while a machine is suspended, when the monotonic one may not. */
  wallNow: () => number;
  /** Calls back later; the result cancels. */
  after: (ms: number, callback: () => void) => () => void;
}

/** An entry of the roster: a live incarnation, or the trace of one that left or was evicted. */
export interface RosterEntry {
  id: string;
  live: boolean;
  memberId: string;
  /** The revision at which the incarnation entered; later entries have higher ones. */
  entered: number;
  revision: number;
  /** When the server stored it, ms since the epoch. */
  storedAtMs: number;
}

export type EntryValue = Pick<RosterEntry, 'memberId'> & { entered?: number };

/** The list of members, kept in one totally ordered store. Every operation rejects within about a second when it is away. */
export interface Roster {
  /** Enters a new incarnation and resolves to its revision. */
  enter: (id: string, value: EntryValue) => Promise<number>;
  /** Writes an entry again if it is still at `revision`; null if it is not. */
  refresh: (id: string, value: EntryValue, revision: number) => Promise<number | null>;
  /** All entries as of one moment; maybe a past one, which shows in the own entry's revision. */
  list: () => Promise<RosterEntry[]>;
  /** Turns an entry into a trace if it is still at `revision`; tells whether it did. */
  remove: (id: string, revision: number) => Promise<boolean>;
}

/** How long an ask waits for the others. */
export const FLIGHT_MS = 150;

/** How long after an ask its tokens may be used at most, and for how long their giver keeps their place free. */
export const LEASE_MS = 2 * FLIGHT_MS;
