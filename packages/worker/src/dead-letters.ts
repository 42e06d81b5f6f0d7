import { type DeadLetterMessage, deadLetterSubject, encodeDeadLetter } from '@pressferry/contracts';
import { ERROR_CODES, type Publisher } from '@pressferry/jetstream';

export type DeadLetter = Omit<DeadLetterMessage, 'stage' | 'deadAtMs'>;

/**
 * True once DEADLETTERS holds the letter; until then the caller must keep what it gives up. A message id is stored once
 * within the stream's window.
 */
export type PublishDeadLetter = (letter: DeadLetter, messageId: string) => Promise<boolean>;

export interface DeadLettersOptions {
  stage: DeadLetterMessage['stage'];
  publisher: Pick<Publisher, 'publish'>;
  /** Ms since the epoch. */
  now?: () => number;
  onPublished: (outcome: 'published' | 'refused') => void;
}

/**
 * If a message leaves no room for its letter, the letter carries only its place, and the message stays in its stream.
 */
export function createDeadLetters({ stage, publisher, now = Date.now, onPublished }: DeadLettersOptions) {
  const publish = async (letter: DeadLetterMessage, messageId: string): Promise<'kept' | 'too_large' | 'refused'> => {
    const subject = deadLetterSubject(stage, letter.siteId);
    const outcome = await publisher.publish(subject, encodeDeadLetter(letter), { 'Nats-Msg-Id': messageId });
    if (outcome.kind === 'stored' || outcome.kind === 'duplicate') return 'kept';
    return outcome.kind === 'refused' && outcome.errorCode === ERROR_CODES.tooLarge ? 'too_large' : 'refused';
  };
  const publishDeadLetter: PublishDeadLetter = async (letter, messageId) => {
    const message: DeadLetterMessage = { ...letter, stage, deadAtMs: now() };
    let outcome = await publish(message, messageId);
    if (outcome === 'too_large') outcome = await publish({ ...message, message: new Uint8Array() }, messageId);
    onPublished(outcome === 'kept' ? 'published' : 'refused');
    return outcome === 'kept';
  };
  return publishDeadLetter;
}
