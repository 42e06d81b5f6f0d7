import { encodeResult, type ResultMessage, resultSubject, shardOf } from '@pressferry/contracts';
import type { PublishDeadLetter } from '@pressferry/worker';
import type { FailureCode } from '../model.ts';

/** Publishes a dead letter with the RESULTS message that restarts the delivery; true once DEADLETTERS holds it. */
export type PublishDeliveryLetter = (
  delivery: ResultMessage,
  reason: FailureCode | 'delivery_unstorable',
  tries: number,
) => Promise<boolean>;

export function createDeliveryLetters(
  publishDeadLetter: PublishDeadLetter,
  shards: number,
  now: () => number,
): PublishDeliveryLetter {
  return ({ resultId, runId, requestId, siteId, completedAtMs }, reason, tries) => {
    const letter = {
      ...{ siteId, requestId, runId, reason, tries },
      stream: 'RESULTS',
      streamSequence: 0,
      subject: resultSubject(shardOf(siteId, shards), siteId),
      message: encodeResult({ resultId, runId, requestId, siteId, completedAtMs }),
    };
    // With the time: a delivery that was replayed and died again is another dead letter.
    return publishDeadLetter(letter, `callback:${resultId}:${now()}`);
  };
}
