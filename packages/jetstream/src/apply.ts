import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { ConsumerDefinition, StreamDefinition } from '@pressferry/contracts';
import { ERROR_CODES } from './error-codes.ts';
import { onceElected } from './once-elected.ts';

const nanos = (ms: number): number => ms * 1_000_000;

const UNBOUNDED = -1;
const STORAGE_EXCEEDED = 10047;

export interface Applied {
  name: string;
  change: 'created' | 'updated' | 'unchanged';
}

/**
 * Makes streams and consumers equal to their declaration; idempotent. Never deletes. Waits up to a minute for a cluster
 * to elect a leader.
 */
export async function applyStreams(
  nats: NatsConnection,
  streams: readonly StreamDefinition[],
  consumers: readonly ConsumerDefinition[],
): Promise<Applied[]> {
  const most = Math.max(...streams.map(({ replicas }) => replicas));
  // A server without a cluster takes the number, and keeps one copy.
  if (most > 1 && nats.info?.cluster === undefined)
    throw new Error(
      `NATS runs as a single server, which cannot keep ${most} copies: --replicas 1, or a cluster of NATS`,
    );
  const manager = await onceElected(() => jetstreamManager(nats));
  const applied: Applied[] = [];
  for (const stream of streams) {
    applied.push({ name: stream.name, change: await onceElected(() => applyStream(manager, stream)) });
  }
  for (const consumer of consumers) {
    const change = await onceElected(() => applyConsumer(manager, consumer));
    applied.push({ name: `${consumer.stream}/${consumer.name}`, change });
  }
  return applied;
}

async function applyStream(manager: JetStreamManager, definition: StreamDefinition): Promise<Applied['change']> {
  const existing = await unlessMissing(manager.streams.info(definition.name), ERROR_CODES.streamNotFound);
  const wanted = streamConfig(definition, existing?.config.max_bytes ?? definition.initialMaxBytes ?? UNBOUNDED);
  if (existing === null) {
    await manager.streams.add(wanted).catch((error: unknown) => {
      throw withRemedy(error, definition.name, wanted.max_bytes);
    });
    return 'created';
  }
  const differs = Object.entries(wanted).some(
    ([key, value]) => JSON.stringify(existing.config[key as keyof StreamConfig]) !== JSON.stringify(value),
  );
  if (!differs) return 'unchanged';
  await manager.streams.update(definition.name, wanted);
  return 'updated';
}

/** The server reserves a stream's bound on disk and refuses a stream that its disk has no room for. */
function withRemedy(error: unknown, stream: string, maxBytes: number | undefined): unknown {
  if (!(error instanceof JetStreamApiError) || error.code !== STORAGE_EXCEEDED) return error;
  const remedy = 'give NATS a larger disk (max_file_store), or ask for less with --events-max-bytes';
  return new Error(`NATS has no room for the ${maxBytes} bytes of ${stream}: ${remedy}`, { cause: error });
}

function streamConfig(
  definition: StreamDefinition,
  otherwiseMaxBytes: number,
): Partial<StreamConfig> & { name: string } {
  return {
    name: definition.name,
    description: definition.description,
    subjects: definition.subjects,
    retention: RetentionPolicy.Limits,
    storage: definition.storage === 'file' ? StorageType.File : StorageType.Memory,
    discard: definition.discard === 'new' ? DiscardPolicy.New : DiscardPolicy.Old,
    num_replicas: definition.replicas,
    max_age: nanos(definition.maxAgeMs),
    max_bytes: definition.maxBytes ?? otherwiseMaxBytes,
    duplicate_window: nanos(definition.duplicateWindowMs),
    allow_direct: true,
  };
}

/** A missing consumer begins after `startAfter`, by default at the first message. */
export async function applyConsumer(
  manager: JetStreamManager,
  definition: ConsumerDefinition,
  startAfter: () => Promise<number> = async () => 0,
): Promise<Applied['change']> {
  const { stream, name } = definition;
  const mutable = {
    description: definition.description,
    ack_wait: nanos(definition.ackWaitMs),
    max_deliver: definition.maxDeliver,
    max_ack_pending: definition.maxAckPending,
  };
  const existing = await unlessMissing(manager.consumers.info(stream, name), ERROR_CODES.consumerNotFound);
  if (existing === null) {
    const taken = await startAfter();
    await manager.consumers.add(stream, {
      durable_name: name,
      ack_policy: AckPolicy.Explicit,
      ...(taken === 0
        ? { deliver_policy: DeliverPolicy.All }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: taken + 1 }),
      ...mutable,
    });
    return 'created';
  }
  const { config } = existing;
  if (Object.entries(mutable).every(([key, value]) => config[key as keyof typeof mutable] === value))
    return 'unchanged';
  await manager.consumers.update(stream, name, mutable);
  return 'updated';
}

async function unlessMissing<T>(answer: Promise<T>, missingCode: number): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === missingCode) return null;
    throw error;
  }
}
