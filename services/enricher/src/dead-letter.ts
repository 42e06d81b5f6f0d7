import { type DeadLetterMessage, deadLetterSubject, encodeDeadLetter } from '@pressferry/contracts';
import type { Publisher } from '@pressferry/jetstream';
import type { Metrics } from './metrics.ts';

/** A dead letter as enricher makes it; the stage and the time are added. */
export type DeadLetter = Omit<DeadLetterMessage, 'stage' | 'deadAtMs'>;

/** Publishes a dead letter; true once DEADLETTERS holds it. A repeat of a message id within the stream's window is held once. */
export type PublishDeadLetter = (letter: DeadLetter, messageId: string) => Promise<boolean>;

/** Makes the publishing of dead letters. */
export function deadLetterPublisher(publisher: Publisher, metrics: Pick<Metrics, 'deadLetter'>): PublishDeadLetter {
  return async (letter, messageId) => {
    const message: DeadLetterMessage = { ...letter, stage: 'enricher', deadAtMs: Date.now() };
    const subject = deadLetterSubject('enricher', letter.siteId);
    const { kind } = await publisher.publish(subject, encodeDeadLetter(message), { 'Nats-Msg-Id': messageId });
    const isKept = kind === 'stored' || kind === 'duplicate';
    metrics.deadLetter(isKept ? 'published' : 'refused');
    return isKept;
  };
}
