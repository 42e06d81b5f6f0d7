import { type DeadLetterMessage, deadLetterSubject, encodeDeadLetter } from '@pressferry/contracts';
import type { Publisher } from '@pressferry/jetstream';

/** Publishes a dead letter; true once DEADLETTERS holds it. */
export type PublishDeadLetter = (letter: DeadLetterMessage, messageId: string) => Promise<boolean>;

/** Makes the publishing of dead letters. */
export function createDeadLetterPublisher(publisher: Publisher): PublishDeadLetter {
  return async (letter, messageId) => {
    const subject = deadLetterSubject(letter.stage, letter.siteId);
    const { kind } = await publisher.publish(subject, encodeDeadLetter(letter), { 'Nats-Msg-Id': messageId });
    return kind === 'stored' || kind === 'duplicate';
  };
}
