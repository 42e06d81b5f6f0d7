import { siteOfSubject } from '@pressferry/contracts';
import type { Delivered, Outcome } from '@pressferry/jetstream';
import type { PublishDeadLetter } from '@pressferry/worker';
import type { DecodedEvent } from './decode.ts';

export type IntakeReason = 'event_undecodable' | 'event_unstorable' | 'idempotency_conflict' | 'worker_killed';

const RETRY_MS = 2_000;

/** Puts a message that can never be handled into DEADLETTERS; tries until it is there. */
export async function giveUp(
  message: Delivered,
  decoded: DecodedEvent | null,
  { reason, publishDeadLetter }: { reason: IntakeReason; publishDeadLetter: PublishDeadLetter },
): Promise<Outcome> {
  const { stream, sequence, subject, data } = message;
  const letter = {
    siteId: decoded?.event.siteId ?? siteOfSubject(subject),
    requestId: decoded?.event.requestId ?? '',
    runId: '',
    reason,
    stream,
    streamSequence: sequence,
    subject,
    message: data,
    tries: message.delivery,
  };
  const isKept = await publishDeadLetter(letter, `enricher:${stream}:${sequence}`);
  return isKept ? { kind: 'drop', reason } : { kind: 'retry', delayMs: RETRY_MS, reason: 'dead_letter_not_stored' };
}
