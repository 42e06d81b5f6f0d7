import type { JetStreamManager } from '@nats-io/jetstream';

/** How far a stream was taken over, and when that was noted. */
export interface Position {
  /** Every message up to this sequence. */
  sequence: number;
  notedAtMs: number;
}

/**
 * Behind which sequence a new consumer begins; 0 for the first message. A position is believed only if the stream is still the one that it
 * speaks of: a stream that was restored from an older copy gives out its sequences a second time.
 */
export async function startAfter(
  manager: JetStreamManager,
  stream: string,
  position: ((stream: { stream: string; createdAt: string }) => Promise<Position | null>) | undefined,
): Promise<number> {
  const { created: createdAt, state } = await manager.streams.info(stream);
  const noted = await position?.({ stream, createdAt });
  // There is no message 0 to ask for.
  if (noted == null || noted.sequence === 0 || noted.sequence > state.last_seq) return 0;
  const message = await manager.direct.getMessage(stream, { seq: noted.sequence });
  const isLater = message !== null && message.seq === noted.sequence && message.time.getTime() > noted.notedAtMs;
  return isLater ? 0 : noted.sequence;
}
