import { setTimeout as delay } from 'node:timers/promises';
import { type ConsumerInfo, type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { ConsumerDefinition } from '@pressferry/contracts';
import { declareMetrics } from '@pressferry/runtime';
import type { Registry } from 'prom-client';
import type { Connection } from './connection.ts';

export interface Measured {
  streams: readonly string[];
  consumers: readonly Pick<ConsumerDefinition, 'stream' | 'name'>[];
}

/** Nothing is up before `follow`. */
export interface JetStreamMeasure {
  follow: (connection: Connection) => void;
}

/** Answers are shared for this long by all scrapers. */
const FRESH_MS = 2_000;
const ASK_MS = 1_000;
/** A scrape waits no longer for JetStream; it then shows earlier answers. */
const WAIT_MS = 200;

/**
 * Declares JetStream's metrics. A scrape costs one request for each stream and consumer, and one more for a consumer
 * that is behind. What does not answer is not `up` and has no other series; without NATS there are none of streams and
 * consumers.
 */
export function measureJetStream(registry: Registry, measured: Measured): JetStreamMeasure {
  let followed: Connection | undefined;
  const connected = (): Connection | undefined => (followed?.isConnected() === true ? followed : undefined);
  const { gauge } = declareMetrics(registry, 'pressferry_jetstream_');
  const { read, forget } = createReading(connected, measured);

  gauge('connected', '1 while this process is connected to NATS', [], (it) =>
    it.set(Number(connected() !== undefined)),
  );
  const ofStreams = (name: string, help: string, value: (stream: StreamInfo) => number | undefined): void => {
    gauge(`stream_${name}`, help, ['stream'], async (it) => {
      const { streams } = await read();
      it.reset();
      for (const [stream, info] of streams) set(it, { stream }, info && value(info));
    });
  };
  gauge('stream_up', '1 while the leader of a stream answers', ['stream'], async (it) => {
    const { streams } = await read();
    it.reset();
    for (const [stream, info] of streams) it.set({ stream }, Number(info !== undefined));
  });
  ofStreams('messages', 'Messages in a stream', ({ state }) => state.messages);
  ofStreams('bytes', 'Bytes in a stream', ({ state }) => state.bytes);
  ofStreams('max_bytes', 'The most bytes of a stream that has a bound of its own', ({ config }) =>
    config.max_bytes > 0 ? config.max_bytes : undefined,
  );
  ofStreams(
    'replicas_behind',
    'Replicas of a stream that are offline or not current',
    ({ cluster }) => cluster?.replicas?.filter(({ current, offline }) => !current || offline === true).length ?? 0,
  );

  const ofConsumers = (name: string, help: string, value: (consumer: Backlog) => number): void => {
    gauge(`consumer_${name}`, help, ['stream', 'consumer'], async (it) => {
      const { consumers } = await read();
      it.reset();
      for (const { labels, backlog } of consumers) set(it, labels, backlog && value(backlog));
    });
  };
  gauge('consumer_up', '1 while the leader of a consumer answers', ['stream', 'consumer'], async (it) => {
    const { consumers } = await read();
    it.reset();
    for (const { labels, backlog } of consumers) it.set(labels, Number(backlog !== undefined));
  });
  ofConsumers('pending', 'Messages not yet delivered to a consumer', ({ info }) => info.num_pending);
  ofConsumers('ack_pending', 'Messages delivered and not yet acknowledged', ({ info }) => info.num_ack_pending);
  ofConsumers('redelivered', 'Unacknowledged messages delivered more than once', ({ info }) => info.num_redelivered);
  ofConsumers(
    'oldest_age_seconds',
    'Age of the oldest message that is not acknowledged; 0 if there is none',
    ({ oldestAtMs }) => (oldestAtMs === null ? 0 : Math.max(0, Date.now() - oldestAtMs) / 1000),
  );
  return {
    follow: (next) => {
      followed = next;
      next.onDisconnect(forget);
    },
  };
}

const set = (
  gauge: { set: (labels: Record<string, string>, value: number) => void },
  labels: Record<string, string>,
  value: number | undefined,
): void => {
  if (value !== undefined) gauge.set(labels, value);
};

interface Backlog {
  info: ConsumerInfo;
  /** When the oldest unacknowledged message was stored; null if there is none. */
  oldestAtMs: number | null;
}

interface Reading {
  /** By name; undefined if no leader answered. */
  streams: Map<string, StreamInfo | undefined>;
  consumers: { labels: { stream: string; consumer: string }; backlog: Backlog | undefined }[];
}

const UNKNOWN: Reading = { streams: new Map(), consumers: [] };

/**
 * Shares one reading among concurrent scrapes and bounds their wait: late ones get the last reading. Never rejects.
 * Call `forget` when the connection is lost, because earlier answers say nothing about later.
 */
function createReading(connected: () => Connection | undefined, measured: Measured) {
  let reading: Promise<Reading> | undefined;
  let begunAtMs = Number.NEGATIVE_INFINITY;
  let last = UNKNOWN;
  let losses = 0;
  const begin = async (connection: Connection): Promise<Reading> => {
    begunAtMs = performance.now();
    const before = losses;
    const done = await readAll(connection, measured);
    if (before !== losses) return UNKNOWN;
    last = done;
    return done;
  };
  return {
    read: async (): Promise<Reading> => {
      const connection = connected();
      if (connection === undefined) return UNKNOWN;
      if (reading === undefined || performance.now() - begunAtMs > FRESH_MS) reading = begin(connection);
      const late = new AbortController();
      const none = delay(WAIT_MS, null, { signal: late.signal }).catch(() => null);
      const done = await Promise.race([reading, none]);
      late.abort();
      return done ?? last;
    },
    forget: () => {
      losses++;
      reading = undefined;
      last = UNKNOWN;
    },
  };
}

async function readAll(connection: Connection, { streams, consumers }: Measured): Promise<Reading> {
  const manager = await managerOf(connection);
  const [ofStreams, ofConsumers] = await Promise.all([
    Promise.all(streams.map(async (name) => [name, await unlessSilent(manager.streams.info(name))] as const)),
    Promise.all(
      consumers.map(async ({ stream, name }) => ({
        labels: { stream, consumer: name },
        backlog: await unlessSilent(readBacklog(manager, stream, name)),
      })),
    ),
  ]);
  return { streams: new Map(ofStreams), consumers: ofConsumers };
}

const managerOf = (connection: Connection): Promise<JetStreamManager> =>
  jetstreamManager(connection.nats, { checkAPI: false, timeout: ASK_MS });

async function readBacklog(manager: JetStreamManager, stream: string, name: string): Promise<Backlog> {
  const info = await manager.consumers.info(stream, name);
  if (info.num_pending + info.num_ack_pending === 0) return { info, oldestAtMs: null };
  // The sequence may belong to an erased message: the next one that exists is the oldest.
  const after = { seq: info.ack_floor.stream_seq + 1, next_by_subj: '>' };
  const oldest = await manager.direct.getMessage(stream, after);
  return { info, oldestAtMs: oldest === null ? null : oldest.time.getTime() };
}

const unlessSilent = <T>(answer: Promise<T>): Promise<T | undefined> => answer.catch(() => undefined);
