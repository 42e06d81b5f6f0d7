import { randomUUID } from 'node:crypto';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { type DeadLetterMessage, decodeDeadLetter, REPLAY_HEADER } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import type { NatsConnection } from '@pressferry/jetstream';
import { rerunFailed } from './rerun.ts';

const STREAM = 'DEADLETTERS';

/** Commands name it by its place in the stream. */
export interface Letter extends DeadLetterMessage {
  sequence: number;
}

export interface LetterFilter {
  stage?: DeadLetterMessage['stage'];
  site?: string;
  reason?: string;
  since?: Date;
}

/** Oldest first. */
export async function readLetters(nats: NatsConnection, filter: LetterFilter, limit: number): Promise<Letter[]> {
  const subject = `pf.dead.${filter.stage ?? '*'}.${filter.site ?? '*'}`;
  const consumer = await jetstream(nats).consumers.get(STREAM, {
    filter_subjects: [subject],
    ...(filter.since === undefined ? {} : { opt_start_time: filter.since.toISOString() }),
  });
  let left = (await consumer.info()).num_pending;
  const letters: Letter[] = [];
  while (left > 0 && letters.length < limit) {
    const messages = await consumer.fetch({ max_messages: Math.min(left, 500), expires: 5_000 });
    for await (const message of messages) {
      left = message.info.pending;
      const letter = { ...decodeDeadLetter(message.data), sequence: message.seq };
      const isAsked = filter.reason === undefined || letter.reason === filter.reason;
      if (isAsked && letters.length < limit) letters.push(letter);
    }
  }
  return letters;
}

/** Undefined if the place holds no letter. */
export async function readLetter(nats: NatsConnection, sequence: number): Promise<Letter | undefined> {
  const manager = await jetstreamManager(nats);
  const message = await manager.streams.getMessage(STREAM, { seq: sequence }).catch(() => null);
  if (message === null || !message.subject.startsWith('pf.dead.')) return undefined;
  return { ...decodeDeadLetter(message.data), sequence };
}

export type Replayed = { kind: 'done'; what: string } | { kind: 'refused'; why: string };

/**
 * Repeats a letter's work. A nonce passes every dedupe window and final state. The letter is removed once the message
 * is stored, unless it is to be kept.
 */
export async function replayLetter(
  letter: Letter,
  { db, nats, keep, actor }: { db: Database; nats: NatsConnection; keep: boolean; actor: string },
): Promise<Replayed> {
  const done =
    letter.stage === 'enricher' && letter.runId !== ''
      ? await rerun(letter, db, actor)
      : await publishAgain(letter, nats);
  if (done.kind === 'done' && !keep)
    await (await jetstreamManager(nats)).streams.deleteMessage(STREAM, letter.sequence);
  return done;
}

/** Removes letters and leaves their work alone; resolves to how many there were. */
export async function removeLetters(nats: NatsConnection, letters: readonly Letter[]): Promise<number> {
  const manager = await jetstreamManager(nats);
  let removed = 0;
  for (const { sequence } of letters) if (await manager.streams.deleteMessage(STREAM, sequence)) removed++;
  return removed;
}

async function rerun(letter: Letter, db: Database, actor: string): Promise<Replayed> {
  const again = await rerunFailed(db, letter, actor);
  return again.kind === 'refused' ? again : { kind: 'done', what: `run ${again.runId}` };
}

async function publishAgain({ subject, message }: Letter, nats: NatsConnection): Promise<Replayed> {
  if (message.length === 0 || subject === '')
    return { kind: 'refused', why: 'the letter holds no message: it was erased, or too large' };
  const nonce = randomUUID();
  const head = headers();
  head.set('Nats-Msg-Id', `replay:${nonce}`);
  head.set(REPLAY_HEADER, nonce);
  const { stream, seq } = await jetstream(nats).publish(subject, message, { headers: head });
  return { kind: 'done', what: `${stream} ${seq}` };
}
