import { randomUUID } from 'node:crypto';
import type { Connection } from '@pressferry/jetstream';
import type { Clock, Message, Send } from './cluster.ts';
import type { Decision, Rate, Scope } from './decision.ts';
import { Member } from './member.ts';
import { readMessage } from './messages.ts';
import { natsRoster } from './roster.ts';

/** What readiness and metrics show of a limiter. */
export interface LimiterState {
  /** The part of each limit that this replica may spend by itself: 0 while it joins or cannot confirm its membership. */
  share: number;
  /** Live replicas, this one included. */
  members: number;
  /** Keys that are not full at the moment. */
  keys: number;
}

/** The cluster-wide limits of one replica. */
export interface Limiter extends AsyncDisposable {
  /**
   * Takes one token of a key: at once if this replica has one, else by asking the others. Never throws or rejects; a
   * lifted limit (0 per minute) is always allowed.
   */
  take: (scope: Scope, key: string, rate: Rate) => Decision | Promise<Decision>;
  state: () => LimiterState;
}

export interface LimiterOptions {
  /**
   * Names the replica, for no other process at the same time. A restart under the same name takes its predecessor's place at
   * once; one under a new name waits until the predecessor's membership has run out.
   */
  memberId: string;
  /** How long a replica trusts its last confirmed membership; a crashed one's share is free again a quarter later. */
  ttlMs?: number;
  /** Replicas of the bucket of members: 3 in a cluster. */
  replicas?: number;
  maxKeys?: number;
  onFault: (error: unknown) => void;
}

const TTL_MS = 3_000;
const MAX_KEYS = 200_000;
const START_MS = 1_000;
const EVERYBODY = 'pf.limits.all';
const ONE = 'pf.limits.to';

/**
 * Joins the limiter's cluster. Resolves once this replica has its share, after a second at the latest: it goes on joining behind
 * the scenes, and asks the others for each token until then.
 */
export async function openLimiter(connection: Connection, options: LimiterOptions): Promise<Limiter> {
  const { memberId, ttlMs = TTL_MS, replicas = 1, maxKeys = MAX_KEYS, onFault } = options;
  const { nats } = connection;
  const process = randomUUID().replaceAll('-', '').slice(0, 16);
  let incarnations = 0;
  const send: Send = (to, message) => {
    // While it is away the client would keep messages for later, when they are worth nothing.
    if (!connection.isConnected()) return;
    try {
      nats.publish(to === null ? EVERYBODY : `${ONE}.${to}`, JSON.stringify(message));
    } catch (error) {
      onFault(error);
    }
  };
  const member = new Member(
    {
      roster: natsRoster(nats, replicas, Math.min(1_000, ttlMs / 2)),
      clock: systemClock,
      send,
      isConnected: connection.isConnected,
      random: Math.random,
    },
    { memberId, ttlMs, maxKeys, onFault, newId: () => `${process}.${incarnations++}` },
  );
  const receive = (to: string | null, data: Uint8Array): void => {
    const message: Message | null = readMessage(data);
    if (message === null) onFault(new Error('a message between limiters has no known form'));
    else member.receive(to, message);
  };
  const subscriptions = [
    nats.subscribe(EVERYBODY, { callback: (error, { data }) => void (error ?? receive(null, data)) }),
    nats.subscribe(`${ONE}.${process}.*`, {
      callback: (error, { subject, data }) => void (error ?? receive(subject.slice(ONE.length + 1), data)),
    }),
  ];
  member.start();
  await member.activeWithin(START_MS);
  return {
    take: (scope, key, rate) => member.take(scope, key, rate),
    state: () => member.state(),
    async [Symbol.asyncDispose]() {
      await member.close();
      for (const subscription of subscriptions) subscription.unsubscribe();
    },
  };
}

const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
