import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

/** What a stream holds, and how much of it its consumer has acknowledged; sizes in bytes. */
export interface Fill {
  firstSequence: number;
  messages: number;
  bytes: number;
  /** −1 if the stream has no bound. */
  maxBytes: number;
  acknowledgedUpTo: number;
  /** Every message up to this sequence is older than the stream's duplicate window. */
  outsideWindowUpTo: number;
}

/** Why messages are removed: they are not needed any more, or the stream needs their place. */
export type Removal = { upTo: number; reason: 'outside_window' | 'pressure' };

/** A stream fuller than this is emptied down to `LOW_WATER`, as far as its messages are acknowledged. */
const HIGH_WATER = 0.8;
const LOW_WATER = 0.6;

/**
 * Decides up to which sequence acknowledged messages may go; null if all must stay. Within the duplicate window a message is kept for
 * as long as there is room, because a repeat of its key is compared with it. A message that is not acknowledged is never removed.
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

/** How far a stream's durable consumer has acknowledged it, and when the stream was made. */
export async function readAcknowledged(
  nats: NatsConnection,
  { stream, name }: { stream: string; name: string },
): Promise<{ createdAt: string; acknowledgedUpTo: number }> {
  const manager = await jetstreamManager(nats, { checkAPI: false });
  const { ack_floor } = await manager.consumers.info(stream, name);
  const { created } = await manager.streams.info(stream);
  return { createdAt: created, acknowledgedUpTo: ack_floor.stream_seq };
}

/** What was removed from a stream, and why. */
export interface Room {
  reason: Removal['reason'];
  messages: number;
}

/**
 * Removes from a stream what is acknowledged and not needed any more; null if there is nothing such. Harmless from several processes at
 * once. Rejects if NATS does not answer or does not know the stream.
 */
export async function makeRoom(nats: NatsConnection, stream: string, acknowledgedUpTo: number): Promise<Room | null> {
  const manager = await jetstreamManager(nats, { checkAPI: false });
  const { state, config } = await manager.streams.info(stream);
  const windowMs = config.duplicate_window / 1_000_000;
  const removal = decideRemoval({
    firstSequence: state.first_seq,
    messages: state.messages,
    bytes: state.bytes,
    maxBytes: config.max_bytes,
    acknowledgedUpTo,
    outsideWindowUpTo: await lastBefore(manager, stream, { atMs: Date.now() - windowMs, lastSequence: state.last_seq }),
  });
  if (removal === null) return null;
  const { purged } = await manager.streams.purge(stream, { seq: removal.upTo + 1 });
  return { reason: removal.reason, messages: purged };
}

/** The sequence of the last message that was stored before an instant. */
async function lastBefore(
  manager: JetStreamManager,
  stream: string,
  { atMs, lastSequence }: { atMs: number; lastSequence: number },
): Promise<number> {
  const next = await manager.direct.getMessage(stream, { start_time: new Date(atMs) });
  return next === null ? lastSequence : next.seq - 1;
}
