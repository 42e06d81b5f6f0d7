import { setTimeout as delay } from 'node:timers/promises';
import { JetStreamApiError, type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { ERROR_CODES } from './error-codes.ts';
import { type Position, startAfter } from './position.ts';

export interface WentBack {
  /** The database holds every message up to this sequence. */
  position: number;
  acknowledgedUpTo: number;
  /** Missing messages that the stream still has and will deliver again. */
  messages: number;
  /** Sequences after the position that the stream has lost. */
  gone: number;
}

export interface Checked {
  createdAt: string;
  position: number;
  /** Null if the database holds all that is acknowledged. */
  wentBack: WentBack | null;
}

export interface CheckOptions {
  position: (stream: { stream: string; createdAt: string }) => Promise<Position | null>;
  holdsAll: (messages: readonly Uint8Array[]) => Promise<boolean>;
}

const BATCH = 256;
const BATCH_BYTES = 4_000_000;
/** A stream's new leader may be a little behind its consumer's. */
const LEADERS_MS = 500;

/**
 * Compares a durable consumer's acknowledgements with the database. A position is noted a little late, so the messages
 * between are looked up. If the database lacks any, or the consumer is ahead of its stream, one of them was restored from
 * a backup: the consumer is deleted, and its successor begins after the position. Several processes may run it at once.
 */
export async function checkPosition(
  nats: NatsConnection,
  { stream, name }: { stream: string; name: string },
  options: CheckOptions,
): Promise<Checked> {
  const manager = await jetstreamManager(nats, { checkAPI: false });
  for (;;) {
    const consumer = await unlessGone(manager.consumers.info(stream, name));
    const acknowledgedUpTo = consumer?.ack_floor.stream_seq ?? 0;
    const { created: createdAt, state } = await readStream(manager, stream, acknowledgedUpTo);
    const position = await startAfter(manager, stream, options.position);
    if (consumer === null || acknowledgedUpTo <= position) return { createdAt, position, wentBack: null };
    const first = Math.max(position + 1, state.first_seq);
    const gone = position === 0 ? 0 : first - position - 1;
    const last = Math.min(acknowledgedUpTo, state.last_seq);
    const wentBack = { position, acknowledgedUpTo, messages: Math.max(0, last - first + 1), gone };
    if (last === acknowledgedUpTo) {
      if (first > last) return { createdAt, position, wentBack: gone > 0 ? wentBack : null };
      const isHeld = await holdsRange(manager, { stream, first, last }, options.holdsAll);
      if (isHeld) return { createdAt, position, wentBack: null };
    }
    // Another process may have made the consumer again.
    const now = await unlessGone(manager.consumers.info(stream, name));
    if (now !== null && now.created !== consumer.created) continue;
    await unlessGone(manager.consumers.delete(stream, name));
    return { createdAt, position, wentBack };
  }
}

async function readStream(manager: JetStreamManager, stream: string, acknowledgedUpTo: number): Promise<StreamInfo> {
  const info = await manager.streams.info(stream);
  if (info.state.last_seq >= acknowledgedUpTo) return info;
  await delay(LEADERS_MS);
  return manager.streams.info(stream);
}

/** Ends at the first message that the database lacks. */
async function holdsRange(
  manager: JetStreamManager,
  { stream, first, last }: { stream: string; first: number; last: number },
  holdsAll: CheckOptions['holdsAll'],
): Promise<boolean> {
  for (let next = first; next <= last; ) {
    const batch: Uint8Array[] = [];
    const begun = next;
    const options = { seq: next, batch: Math.min(BATCH, last - next + 1), max_bytes: BATCH_BYTES };
    for await (const message of await manager.direct.getBatch(stream, options)) {
      next = message.seq + 1;
      if (message.seq <= last) batch.push(message.data);
    }
    if (batch.length > 0 && !(await holdsAll(batch))) return false;
    if (next === begun) return true;
  }
  return true;
}

async function unlessGone<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === ERROR_CODES.consumerNotFound) return null;
    throw error;
  }
}
