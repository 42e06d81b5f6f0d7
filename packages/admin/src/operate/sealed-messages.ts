import { jetstreamManager } from '@nats-io/jetstream';
import { decodeEvent } from '@pressferry/contracts';
import type { NatsConnection } from '@pressferry/jetstream';
import { isSealedBody } from '@pressferry/runtime';
import { readLetters } from './letters.ts';

/** Sealed messages in the streams are not sealed again; they expire. */
export interface SealedMessages {
  /** By key id. */
  letters: Record<string, number>;
  /** When the oldest event of EVENTS was accepted; null if there is none. */
  oldestEventAt: Date | null;
}

const MAX_LETTERS = 100_000;
const EVENTS = /^EVENTS(_\d+)?$/;

export async function readSealedMessages(nats: NatsConnection): Promise<SealedMessages> {
  const letters: Record<string, number> = {};
  for (const { stage, message } of await readLetters(nats, { stage: 'enricher' }, MAX_LETTERS)) {
    const key = stage === 'enricher' && message.length > 0 ? keyOf(message) : undefined;
    if (key !== undefined) letters[key] = (letters[key] ?? 0) + 1;
  }
  const manager = await jetstreamManager(nats);
  let oldestEventAt: Date | null = null;
  for await (const { config, state } of manager.streams.list()) {
    if (!EVENTS.test(config.name) || state.messages === 0) continue;
    const at = new Date(state.first_ts);
    if (oldestEventAt === null || at < oldestEventAt) oldestEventAt = at;
  }
  return { letters, oldestEventAt };
}

function keyOf(message: Uint8Array): string | undefined {
  try {
    const { body } = decodeEvent(message);
    return isSealedBody(body) ? Buffer.from(body.subarray(0, 40)).toString('latin1').split('.')[1] : undefined;
  } catch {
    // Its message was not an event, and is not sealed.
    return undefined;
  }
}
