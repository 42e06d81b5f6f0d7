/** Durations in ms. `packages/jetstream` translates it for the server. */
export interface StreamDefinition {
  name: string;
  description: string;
  subjects: string[];
  storage: 'file' | 'memory';
  discard: 'new' | 'old';
  replicas: number;
  maxAgeMs: number;
  /** In bytes; if undefined, an existing stream keeps its bound. */
  maxBytes?: number;
  /** `maxBytes` of a new stream without one; the server reserves them on disk. Undefined: no bound. */
  initialMaxBytes?: number;
  duplicateWindowMs: number;
}

/** A durable pull consumer; durations in ms. */
export interface ConsumerDefinition {
  stream: string;
  name: string;
  description: string;
  ackWaitMs: number;
  maxDeliver: number;
  maxAckPending: number;
}

export interface StreamOptions {
  /** 1 embedded, 3 in a cluster. */
  replicas: number;
  /** Streams that events are spread over by a hash of the site. */
  shards: number;
  /** The idempotency window: 24 h, at most 72 h. */
  dedupeWindowMs: number;
  /** Of one EVENTS stream; a full one means 503. */
  eventsMaxBytes?: number | undefined;
}

const HOUR_MS = 3_600_000;
const MIB = 1_048_576;

export const STREAM_DEFAULTS: StreamOptions = { replicas: 1, shards: 1, dedupeWindowMs: 24 * HOUR_MS };

export const SITES_BUCKET = 'sites';

/** `EVENTS`, then `EVENTS_1` … */
export const eventsStream = (shard: number): string => (shard === 0 ? 'EVENTS' : `EVENTS_${shard}`);

/** Token life 300 s + skew 60 s on each side, rounded up: a jti must be remembered as long as its token can pass. */
export const REPLAY_WINDOW_MS = 600_000;

export function streamDefinitions(options: StreamOptions): StreamDefinition[] {
  const { replicas, shards, dedupeWindowMs, eventsMaxBytes } = options;
  const events = Array.from(
    { length: shards },
    (_, shard): StreamDefinition => ({
      name: eventsStream(shard),
      description: 'Accepted events, as verified by ingress',
      subjects: [`pf.event.${shard}.>`],
      storage: 'file',
      // A full stream refuses, and ingress answers 503: nothing accepted is ever evicted.
      discard: 'new',
      replicas,
      maxAgeMs: 72 * HOUR_MS,
      ...(eventsMaxBytes === undefined ? {} : { maxBytes: eventsMaxBytes }),
      initialMaxBytes: 1_024 * MIB,
      duplicateWindowMs: dedupeWindowMs,
    }),
  );
  return [
    ...events,
    {
      name: 'RESULTS',
      description: 'Results of finished runs, on their way to their sites',
      subjects: ['pf.result.>'],
      storage: 'file',
      discard: 'new',
      replicas,
      maxAgeMs: 72 * HOUR_MS,
      initialMaxBytes: 128 * MIB,
      duplicateWindowMs: 24 * HOUR_MS,
    },
    {
      name: 'DEADLETTERS',
      description: 'Messages given up after all tries, with their reason',
      // Advisories bring a message that kills its worker here too.
      subjects: ['pf.dead.>', '$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.*.*'],
      storage: 'file',
      // A full stream refuses a letter, and its message stays in its stream.
      discard: 'new',
      replicas,
      maxAgeMs: 30 * 24 * HOUR_MS,
      initialMaxBytes: 256 * MIB,
      duplicateWindowMs: HOUR_MS,
    },
    {
      name: 'REPLAY',
      description: 'Token ids seen, for as long as their tokens can pass',
      subjects: ['pf.jti.>'],
      storage: 'memory',
      discard: 'old',
      replicas,
      maxAgeMs: REPLAY_WINDOW_MS,
      duplicateWindowMs: REPLAY_WINDOW_MS,
    },
  ];
}

// JetStream would drop a message after a bound, and a long database outage reaches any. The services count themselves.
const NO_LIMIT = -1;

// Working services extend it; after a kill, redelivery takes this long.
const ACK_WAIT_MS = 12_000;

export function consumerDefinitions(options: Pick<StreamOptions, 'shards'>): ConsumerDefinition[] {
  const enricher = Array.from(
    { length: options.shards },
    (_, shard): ConsumerDefinition => ({
      stream: eventsStream(shard),
      name: 'enricher',
      description: 'Turns events into runs',
      ackWaitMs: ACK_WAIT_MS,
      maxDeliver: NO_LIMIT,
      maxAckPending: 65_536,
    }),
  );
  return [
    ...enricher,
    {
      stream: 'RESULTS',
      name: 'callback',
      description: 'Turns results into deliveries',
      ackWaitMs: ACK_WAIT_MS,
      maxDeliver: NO_LIMIT,
      maxAckPending: 512,
    },
  ];
}
