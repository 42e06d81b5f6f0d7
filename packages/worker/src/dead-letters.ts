import { type DeadLetterMessage, deadLetterSubject, encodeDeadLetter } from '@pressferry/contracts';
import { ERROR_CODES, type Publisher } from '@pressferry/jetstream';

/** A dead letter as a service makes it; the stage and the time are added. */
export type DeadLetter = Omit<DeadLetterMessage, 'stage' | 'deadAtMs'>;

/**
 * Publishes a dead letter; true once DEADLETTERS holds it, and until then the caller that gives something up must keep it. A repeat of a message
 * id within the stream's window is held once.
 */
export type PublishDeadLetter = (letter: DeadLetter, messageId: string) => Promise<boolean>;

export interface DeadLettersOptions {
  stage: DeadLetterMessage['stage'];
  publisher: Pick<Publisher, 'publish'>;
  /** Ms since the epoch. */
  now?: () => number;
  /** Called for each letter. */
  onPublished: (outcome: 'published' | 'refused') => void;
}

/**
 * Makes the publishing of a service's dead letters. A message that leaves no room for its letter stays behind in its stream: the letter
 * then tells its place and carries none.
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
