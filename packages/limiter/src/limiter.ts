import { randomUUID } from 'node:crypto';
import type { Connection } from '@pressferry/jetstream';
import type { Decision, Rate, Scope } from './decision.ts';
import { Member } from './member.ts';
import { encodeMessage, readMessage } from './messages.ts';
import type { Clock, LimiterState, Message, Send } from './model.ts';
import { natsRoster } from './roster.ts';

export interface Limiter extends AsyncDisposable {
  /**
   * Takes a token here or requests one from the other replicas. Never throws or rejects; a lifted limit (0 per minute)
   * always allows.
   */
  take: (scope: Scope, key: string, rate: Rate) => Decision | Promise<Decision>;
  state: () => LimiterState;
}

export interface LimiterOptions {
  /** The replicas that share limits: their bucket of members, and the subject prefix of their messages. */
  cluster: { bucket: string; subject: string };
  /**
   * Unique among running processes. A restart under the same name takes over at once; under a new name it waits for the
   * predecessor's membership to run out.
   */
  memberId: string;
  /** How long a replica trusts its last confirmed membership; a crashed one's share is free after 1.25 times this. */
  ttlMs?: number;
  /** 3 in a cluster. */
  replicas?: number;
  maxKeys?: number;
  onFault: (error: unknown) => void;
}

const TTL_MS = 3_000;
const MAX_KEYS = 200_000;
const START_MS = 1_000;

/**
 * Resolves once this replica has its share, or after a second: it then joins in the background and requests each token
 * from the others.
 */
export async function openLimiter(connection: Connection, options: LimiterOptions): Promise<Limiter> {
  const { cluster, memberId, ttlMs = TTL_MS, replicas = 1, maxKeys = MAX_KEYS, onFault } = options;
  const { nats } = connection;
  const process = randomUUID().replaceAll('-', '').slice(0, 16);
  const [everybody, one] = [`${cluster.subject}.all`, `${cluster.subject}.to.`];
  let epochs = 0;
  const send: Send = (to, message) => {
    // The client would keep messages for later, when they are useless.
    if (!connection.isConnected()) return;
    try {
      nats.publish(to === null ? everybody : one + to, encodeMessage(message));
    } catch (error) {
      onFault(error);
    }
  };
  const member = new Member(
    {
      roster: natsRoster(nats, cluster.bucket, replicas, Math.min(1_000, ttlMs / 2)),
      clock: systemClock,
      send,
      isConnected: connection.isConnected,
      random: Math.random,
    },
    { memberId, ttlMs, maxKeys, onFault, newId: () => `${process}.${epochs++}` },
  );
  const receive = (to: string | null, data: Uint8Array): void => {
    const message: Message | null = readMessage(data);
    if (message === null) onFault(new Error('a message between limiters has no known form'));
    else member.receive(to, message);
  };
  const subscriptions = [
    nats.subscribe(everybody, { callback: (error, { data }) => void (error ?? receive(null, data)) }),
    nats.subscribe(`${one}${process}.*`, {
      callback: (error, { subject, data }) => void (error ?? receive(subject.slice(one.length), data)),
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
