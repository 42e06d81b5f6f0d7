import type { Scope } from './decision.ts';

export interface LimiterState {
  /** The part of each limit that this replica may spend; 0 while it joins or cannot confirm its membership. */
  share: number;
  /** This one included. */
  members: number;
  /** Keys whose bucket is not full. */
  keys: number;
}

/** Messages between replicas over core NATS; `from` is the sender's epoch. */
export type Message = { from: string } & (
  | {
      /** Each replica may give `need`, and up to `stock` more if it has plenty. */
      kind: 'request';
      requestId: string;
      scope: Scope;
      key: string;
      perMinute: number;
      burst: number;
      need: number;
      stock: number;
      /** Of replicas that request the same key, the lowest priority gets. */
      priority: number;
    }
  | { kind: 'grant'; requestId: string; amount: number; left: number }
  | {
      /** Ends a request: the granters listed get part of their grant back, all others the whole. */
      kind: 'settle';
      requestId: string;
      back: number;
      counted: string[];
    }
  | { kind: 'join' }
  | { kind: 'joined'; active: boolean }
  | { kind: 'left' }
);

/** `to` is an epoch, or null for all others. Never throws: a message may be lost. */
export type Send = (to: string | null, message: Message) => void;

export interface Clock {
  /** Monotonic, ms. */
  now: () => number;
  /** Wall clock, ms: it advances while a machine is suspended, when the monotonic one may not. */
  wallNow: () => number;
  after: (ms: number, callback: () => void) => () => void;
}

/** A live epoch, or the tombstone of one that left or was evicted. */
export interface RosterEntry {
  id: string;
  live: boolean;
  memberId: string;
  /** Revision at entry; later entries have higher ones. */
  entered: number;
  revision: number;
  /** By the server's clock, ms since the epoch. */
  storedAtMs: number;
}

export type EntryValue = Pick<RosterEntry, 'memberId'> & { entered?: number };

/** Members, in one totally ordered store. Each operation rejects within about a second while the store is away. */
export interface Roster {
  enter: (id: string, value: EntryValue) => Promise<number>;
  /** Rewrites an entry that is still at `revision`; null if it is not. */
  refresh: (id: string, value: EntryValue, revision: number) => Promise<number | null>;
  /** All entries at one moment, perhaps a past one, which the own entry's revision shows. */
  list: () => Promise<RosterEntry[]>;
  /** Turns an entry that is still at `revision` into a tombstone; true if it did. */
  remove: (id: string, revision: number) => Promise<boolean>;
}

export const REQUEST_MS = 150;

/** How long after a request its tokens may be used, and their granter keeps their place free. */
export const LEASE_MS = 2 * REQUEST_MS;
