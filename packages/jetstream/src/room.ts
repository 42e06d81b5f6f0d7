import { type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

/** Sizes in bytes. */
export interface Fill {
  firstSequence: number;
  messages: number;
  bytes: number;
  /** −1 without a bound. */
  maxBytes: number;
  acknowledgedUpTo: number;
  /** Every message up to this sequence is older than the stream's duplicate window. */
  outsideWindowUpTo: number;
}

export type Removal = { upTo: number; reason: 'outside_window' | 'pressure' };

/** A fuller stream is emptied to `LOW_WATER`, as far as its messages are acknowledged. */
const HIGH_WATER = 0.8;
const LOW_WATER = 0.6;

/**
 * The sequence up to which acknowledged messages may go; null if all must stay. Within the duplicate window a message
 * stays while there is room, because a repeat of its key is compared with it. An unacknowledged message never goes.
 */
export function decideRemoval(fill: Fill): Removal | null {
  const { firstSequence, messages, bytes, maxBytes, acknowledgedUpTo, outsideWindowUpTo } = fill;
  if (messages === 0 || acknowledgedUpTo < firstSequence) return null;
  if (maxBytes > 0 && bytes > maxBytes * HIGH_WATER) {
    const wanted = Math.ceil((bytes - maxBytes * LOW_WATER) / (bytes / messages));
    return { upTo: Math.min(acknowledgedUpTo, firstSequence + wanted - 1), reason: 'pressure' };
  }
  const upTo = Math.min(acknowledgedUpTo, outsideWindowUpTo);
  return upTo < firstSequence ? null : { upTo, reason: 'outside_window' };
}

export async function readAcknowledged(
  nats: NatsConnection,
  { stream, name }: { stream: string; name: string },
): Promise<{ createdAt: string; acknowledgedUpTo: number }> {
  const manager = await jetstreamManager(nats, { checkAPI: false });
  const { ack_floor } = await manager.consumers.info(stream, name);
  const { created } = await manager.streams.info(stream);
  return { createdAt: created, acknowledgedUpTo: ack_floor.stream_seq };
}

/** A sequence of a stream, and which message had it. */
export interface Mark {
  createdAt: string;
  sequence: number;
  /** When its message was stored; null if it was removed. */
  storedAt: string | null;
}

export async function markOf(
  nats: NatsConnection,
  stream: string,
  { createdAt, sequence }: Omit<Mark, 'storedAt'>,
): Promise<Mark> {
  const manager = await jetstreamManager(nats, { checkAPI: false });
  const message = sequence === 0 ? null : await manager.direct.getMessage(stream, { seq: sequence });
  return { createdAt, sequence, storedAt: message?.seq === sequence ? message.timestamp : null };
}

/** False if the stream was made again, or went back to an older copy, whose sequences it gives out a second time. */
export async function isSameStream(nats: NatsConnection, stream: string, mark: Mark): Promise<boolean> {
  const manager = await jetstreamManager(nats, { checkAPI: false });
  const { created, state } = await manager.streams.info(stream);
  if (created !== mark.createdAt || state.last_seq < mark.sequence) return false;
  const { storedAt } = await markOf(nats, stream, mark);
  return storedAt === null || mark.storedAt === null || storedAt === mark.storedAt;
}

export interface Room {
  reason: Removal['reason'];
  messages: number;
}

/**
 * Removes acknowledged messages that are not needed; null if there are none. Several processes may run it at once.
 * Rejects if NATS does not answer or lacks the stream.
 */
export async function makeRoom(nats: NatsConnection, stream: string, acknowledgedUpTo: number): Promise<Room | null> {
  const manager = await jetstreamManager(nats, { checkAPI: false });
  const info = await manager.streams.info(stream);
  const { state, config } = info;
  const windowMs = config.duplicate_window / 1_000_000;
  const removal = decideRemoval({
    firstSequence: state.first_seq,
    messages: state.messages,
    bytes: state.bytes,
    maxBytes: config.max_bytes,
    acknowledgedUpTo,
    outsideWindowUpTo: await lastBefore(manager, stream, {
      atMs: serverMs(info) - windowMs,
      lastSequence: state.last_seq,
    }),
  });
  if (removal === null) return null;
  const { purged } = await manager.streams.purge(stream, { seq: removal.upTo + 1 });
  return { reason: removal.reason, messages: purged };
}

const serverMs = (info: StreamInfo & { ts?: string }): number =>
  info.ts === undefined ? Date.now() : Date.parse(info.ts);

async function lastBefore(
  manager: JetStreamManager,
  stream: string,
  { atMs, lastSequence }: { atMs: number; lastSequence: number },
): Promise<number> {
  const next = await manager.direct.getMessage(stream, { start_time: new Date(atMs) });
  return next === null ? lastSequence : next.seq - 1;
}
