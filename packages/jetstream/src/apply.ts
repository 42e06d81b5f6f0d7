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

const nanos = (ms: number): number => ms * 1_000_000;

const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND = 10014;

/** What was done to one stream or consumer. */
export interface Applied {
  name: string;
  change: 'created' | 'updated' | 'unchanged';
}

/** Makes the server's streams and consumers equal to their declaration; harmless to run twice. Never deletes. */
export async function applyStreams(
  nats: NatsConnection,
  streams: readonly StreamDefinition[],
  consumers: readonly ConsumerDefinition[],
): Promise<Applied[]> {
  const manager = await jetstreamManager(nats);
  const applied: Applied[] = [];
  for (const stream of streams) applied.push({ name: stream.name, change: await applyStream(manager, stream) });
  for (const consumer of consumers) {
    applied.push({ name: `${consumer.stream}/${consumer.name}`, change: await applyConsumer(manager, consumer) });
  }
  return applied;
}

async function applyStream(manager: JetStreamManager, definition: StreamDefinition): Promise<Applied['change']> {
  const wanted = streamConfig(definition);
  const existing = await unlessMissing(manager.streams.info(definition.name), STREAM_NOT_FOUND);
  if (existing === null) {
    await manager.streams.add(wanted);
    return 'created';
  }
  const differs = Object.entries(wanted).some(
    ([key, value]) => JSON.stringify(existing.config[key as keyof StreamConfig]) !== JSON.stringify(value),
  );
  if (!differs) return 'unchanged';
  await manager.streams.update(definition.name, wanted);
  return 'updated';
}

function streamConfig(definition: StreamDefinition): Partial<StreamConfig> & { name: string } {
  return {
    name: definition.name,
    description: definition.description,
    subjects: definition.subjects,
    retention: RetentionPolicy.Limits,
    storage: definition.storage === 'file' ? StorageType.File : StorageType.Memory,
    discard: definition.discard === 'new' ? DiscardPolicy.New : DiscardPolicy.Old,
    num_replicas: definition.replicas,
    max_age: nanos(definition.maxAgeMs),
    max_bytes: definition.maxBytes ?? -1,
    duplicate_window: nanos(definition.duplicateWindowMs),
    allow_direct: true,
    ...(definition.atomicPublish ? { allow_atomic: true } : {}),
  };
}

/** Makes one durable pull consumer equal to its declaration. */
export async function applyConsumer(
  manager: JetStreamManager,
  definition: ConsumerDefinition,
): Promise<Applied['change']> {
  const { stream, name } = definition;
  const mutable = {
    description: definition.description,
    ack_wait: nanos(definition.ackWaitMs),
    max_deliver: definition.maxDeliver,
    max_ack_pending: definition.maxAckPending,
  };
  const existing = await unlessMissing(manager.consumers.info(stream, name), CONSUMER_NOT_FOUND);
  if (existing === null) {
    await manager.consumers.add(stream, {
      durable_name: name,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
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
