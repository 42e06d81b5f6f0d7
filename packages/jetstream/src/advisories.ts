import { JetStreamApiError, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { ERROR_CODES } from './error-codes.ts';

/** A message that JetStream gave up, because a consumer of an older release bounded its deliveries. */
export interface Undelivered {
  stream: string;
  consumer: string;
  sequence: number;
  deliveries: number;
  /** Null if the stream has lost it. */
  message: { subject: string; data: Uint8Array } | null;
}

/** DEADLETTERS keeps the server's own advisories, which only name a message's place. */
const ADVISORIES = '$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>';
const STREAM = 'DEADLETTERS';
/**
 * Reads the server's advisories in DEADLETTERS, oldest first, each with its message, and removes those for which `keep`
 * resolves to true; stops at the first false. Returns how many were removed. Several processes may run it at once if
 * `keep` is idempotent. Rejects if NATS does not answer or has no DEADLETTERS.
 */
export async function collectUndelivered(
  nats: NatsConnection,
  keep: (undelivered: Undelivered, advisory: number) => Promise<boolean>,
): Promise<number> {
  const manager = await jetstreamManager(nats, { checkAPI: false });
  let removed = 0;
  for (let sequence = 1; ; ) {
    const advisory = await manager.direct.getMessage(STREAM, { seq: sequence, next_by_subj: ADVISORIES });
    if (advisory === null) return removed;
    sequence = advisory.seq + 1;
    const place = parse(advisory.data);
    // An unreadable one stays for a person.
    if (place === null) continue;
    const undelivered = { ...place, message: await read(manager, place.stream, place.sequence) };
    if (!(await keep(undelivered, advisory.seq))) return removed;
    await manager.streams.deleteMessage(STREAM, advisory.seq, false).catch(ignoreIfGone(manager, advisory.seq));
    removed++;
  }
}

function parse(data: Uint8Array): Omit<Undelivered, 'message'> | null {
  try {
    const advisory: unknown = JSON.parse(Buffer.from(data).toString());
    if (typeof advisory !== 'object' || advisory === null) return null;
    const { stream, consumer, stream_seq: sequence, deliveries } = advisory as Record<string, unknown>;
    if (typeof stream !== 'string' || typeof consumer !== 'string' || typeof sequence !== 'number') return null;
    return { stream, consumer, sequence, deliveries: typeof deliveries === 'number' ? deliveries : 0 };
  } catch {
    return null;
  }
}

async function read(manager: JetStreamManager, stream: string, sequence: number): Promise<Undelivered['message']> {
  const message = await manager.streams.getMessage(stream, { seq: sequence }).catch((error: unknown) => {
    if (error instanceof JetStreamApiError && error.code === ERROR_CODES.streamNotFound) return null;
    throw error;
  });
  return message === null ? null : { subject: message.subject, data: message.data };
}

const ignoreIfGone =
  (manager: JetStreamManager, sequence: number) =>
  async (error: unknown): Promise<boolean> => {
    if ((await manager.streams.getMessage(STREAM, { seq: sequence })) !== null) throw error;
    return true;
  };
