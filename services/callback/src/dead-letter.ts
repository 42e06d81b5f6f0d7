import {
  type DeadLetterMessage,
  deadLetterSubject,
  encodeDeadLetter,
  encodeResult,
  type ResultMessage,
  resultSubject,
  shardOf,
} from '@pressferry/contracts';
import type { Publisher } from '@pressferry/jetstream';
import type { FailureCode } from './delivery/codes.ts';

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

/** Makes a delivery's dead letter, with the message of RESULTS that begins it anew; true once DEADLETTERS holds it. */
export type Bury = (delivery: ResultMessage, reason: FailureCode, tries: number) => Promise<boolean>;

/** Makes the burying of deliveries. */
export function createBury(publishDeadLetter: PublishDeadLetter, shards: number, now: () => number): Bury {
  return ({ resultId, runId, requestId, siteId, completedAtMs }, reason, tries) => {
    const deadAtMs = now();
    const letter = {
      stage: 'callback',
      siteId,
      requestId,
      runId,
      reason,
      deadAtMs,
      stream: 'RESULTS',
      streamSequence: 0,
      subject: resultSubject(shardOf(siteId, shards), siteId),
      message: encodeResult({ resultId, runId, requestId, siteId, completedAtMs }),
      tries,
    } as const;
    // The time is part of the id: a delivery that was replayed and died again is another dead letter.
    return publishDeadLetter(letter, `callback:${resultId}:${deadAtMs}`);
  };
}
