import type { JetStreamManager } from '@nats-io/jetstream';

/** How far a stream was taken over, and when that was noted. */
export interface Position {
  sequence: number;
  notedAtMs: number;
}

/**
 * The sequence after which a new consumer begins; 0 for the first message. A stream that was restored from an older
 * copy gives out its sequences again, so a position counts only if the stream is still the same.
 */
export async function startAfter(
  manager: JetStreamManager,
  stream: string,
  position: ((stream: { stream: string; createdAt: string }) => Promise<Position | null>) | undefined,
): Promise<number> {
  const { created: createdAt, state } = await manager.streams.info(stream);
  const noted = await position?.({ stream, createdAt });
  if (noted == null || noted.sequence === 0 || noted.sequence > state.last_seq) return 0;
  const message = await manager.direct.getMessage(stream, { seq: noted.sequence });
  const isLater = message !== null && message.seq === noted.sequence && message.time.getTime() > noted.notedAtMs;
  return isLater ? 0 : noted.sequence;
}
