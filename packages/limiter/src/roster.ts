import { setTimeout as delay } from 'node:timers/promises';
import { JetStreamApiError } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { createInbox, type Msg, type NatsConnection } from '@nats-io/transport-node';
import type { EntryValue, Roster, RosterEntry } from './model.ts';

/** Longer than buckets take to fill: tombstones tell a newcomer when the last member may have emptied them. */
const TOMBSTONE_LIFE = '1h';
/** Keeps an entry that is replaced during `list` findable. */
const HISTORY = 4;
const NO_RESULTS = 404;
const END_OF_BATCH = 204;
const WRONG_LAST_SEQUENCE = [10071, 10164];

/** Makes the KV bucket if it is missing. */
export function natsRoster(nats: NatsConnection, bucket: string, replicas: number, timeoutMs: number): Roster {
  let opening: Promise<KV> | undefined;
  const open = (): Promise<KV> => {
    opening ??= within(
      timeoutMs,
      new Kvm(nats).create(bucket, {
        replicas,
        history: HISTORY,
        markerTTL: 60_000,
        description: 'Live replicas that share limits',
      }),
    ).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  const swap = async <T>(write: Promise<T>): Promise<T | null> => {
    try {
      return await write;
    } catch (error) {
      if (error instanceof JetStreamApiError && WRONG_LAST_SEQUENCE.includes(error.code)) return null;
      // The bucket may be lost with its server: open it again next time.
      opening = undefined;
      throw error;
    }
  };
  return {
    enter: async (id, value) => (await open()).put(id, JSON.stringify(value), { previousSeq: 0, timeout: timeoutMs }),
    refresh: async (id, value, revision) =>
      swap((await open()).put(id, JSON.stringify(value), { previousSeq: revision, timeout: timeoutMs })),
    remove: async (id, revision) => {
      const purge = (await open()).purge(id, { previousSeq: revision, ttl: TOMBSTONE_LIFE });
      return (await swap(within(timeoutMs, purge).then(() => true))) ?? false;
    },
    list: () => list(nats, bucket, timeoutMs),
  };
}

/**
 * All entries at one moment, in one batched direct get. Any server shows a prefix of the stream, so a list with our own
 * last write shows all earlier writes.
 */
function list(nats: NatsConnection, bucket: string, timeoutMs: number): Promise<RosterEntry[]> {
  const entries: RosterEntry[] = [];
  const inbox = createInbox();
  const keyPrefix = `$KV.${bucket}.`;
  return new Promise((resolve, reject) => {
    const end = (error?: Error): void => {
      clearTimeout(timer);
      subscription.unsubscribe();
      if (error === undefined) resolve(entries);
      else reject(error);
    };
    const timer = setTimeout(() => end(new Error('the list of members was not answered in time')), timeoutMs);
    const subscription = nats.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) return end(error);
        const code = message.headers?.code ?? 0;
        if (code === NO_RESULTS || code === END_OF_BATCH) return end();
        if (code !== 0) return end(new Error(`the list of members was refused: ${code}`));
        entries.push(readEntry(message, keyPrefix.length));
      },
    });
    nats.publish(`$JS.API.DIRECT.GET.KV_${bucket}`, JSON.stringify({ multi_last: [`${keyPrefix}>`] }), {
      reply: inbox,
    });
  });
}

function readEntry(message: Msg, prefixLength: number): RosterEntry {
  const header = (name: string): string => message.headers?.get(name) ?? '';
  const revision = Number(header('Nats-Sequence'));
  const live = header('KV-Operation') === '' && header('Nats-Marker-Reason') === '' && message.data.length > 0;
  const value: EntryValue = live ? message.json<EntryValue>() : { memberId: '' };
  return {
    id: header('Nats-Subject').slice(prefixLength),
    live,
    memberId: value.memberId,
    entered: value.entered ?? revision,
    revision,
    storedAtMs: Date.parse(header('Nats-Time-Stamp')),
  };
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = delay(timeoutMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error('the bucket of members did not answer in time');
  });
  late.catch(() => undefined);
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}
