import type { Scope } from './decision.ts';

/** What readiness and metrics show of a limiter. */
export interface LimiterState {
  /** The part of each limit that this replica may spend by itself: 0 while it joins or cannot confirm its membership. */
  share: number;
  /** Live replicas, this one included. */
  members: number;
  /** Keys that are not full at the moment. */
  keys: number;
}

/** What replicas say to each other over core NATS; `from` is the sender's epoch. */
export type Message = { from: string } & (
  | {
      /** Requests tokens: each replica may give `need`, and up to `stock` more if it has plenty. */
      kind: 'request';
      requestId: string;
      scope: Scope;
      key: string;
      perMinute: number;
      burst: number;
      need: number;
      stock: number;
      /** Decides between replicas that request the same key: the lower one gets. */
      priority: number;
    }
  | { kind: 'grant'; requestId: string; amount: number; left: number }
  | {
      /** Ends a request: those counted get this part of their grant back, all others the whole. */
      kind: 'settle';
      requestId: string;
      back: number;
      counted: string[];
    }
  | { kind: 'join' }
  /** Says that the sender divides by a number that counts the receiver. */
  | { kind: 'joined'; active: boolean }
  | { kind: 'left' }
);

/** Sends to one epoch, or to all others (`null`). Never throws: a message may be lost. */
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

/** An entry of the roster: a live epoch, or the tombstone of one that left or was evicted. */
export interface RosterEntry {
  id: string;
  live: boolean;
  memberId: string;
  /** The revision at which the epoch entered; later entries have higher ones. */
  entered: number;
  revision: number;
  /** When the server stored it, ms since the epoch. */
  storedAtMs: number;
}

export type EntryValue = Pick<RosterEntry, 'memberId'> & { entered?: number };

/** The list of members, kept in one totally ordered store. Every operation rejects within about a second when it is away. */
export interface Roster {
  /** Enters a new epoch and resolves to its revision. */
  enter: (id: string, value: EntryValue) => Promise<number>;
  /** Writes an entry again if it is still at `revision`; null if it is not. */
  refresh: (id: string, value: EntryValue, revision: number) => Promise<number | null>;
  /** All entries as of one moment; maybe a past one, which shows in the own entry's revision. */
  list: () => Promise<RosterEntry[]>;
  /** Turns an entry into a tombstone if it is still at `revision`; tells whether it did. */
  remove: (id: string, revision: number) => Promise<boolean>;
}

/** How long a request waits for the others. */
export const REQUEST_MS = 150;

/** How long after a request its tokens may be used at most, and for how long their granter keeps their place free. */
export const LEASE_MS = 2 * REQUEST_MS;
