import { siteOfSubject } from '@pressferry/contracts';
import type { Delivered, Outcome } from '@pressferry/jetstream';
import type { PublishDeadLetter } from './dead-letters.ts';

export interface GivenUp {
  reason: string;
  siteId?: string | undefined;
  requestId?: string | undefined;
  runId?: string | undefined;
}

const RETRY_MS = 2_000;

/** Makes it a dead letter; it stays in its stream until that is kept. */
export async function giveUpMessage(
  message: Delivered,
  { reason, siteId, requestId = '', runId = '' }: GivenUp,
  { stage, publishDeadLetter }: { stage: 'enricher' | 'callback'; publishDeadLetter: PublishDeadLetter },
): Promise<Outcome> {
  const { stream, sequence, subject, data, delivery } = message;
  const letter = {
    ...{ siteId: siteId ?? siteOfSubject(subject), requestId, runId, reason },
    ...{ stream, streamSequence: sequence, subject, message: data, tries: delivery },
  };
  const isKept = await publishDeadLetter(letter, `${stage}:${stream}:${sequence}`);
  return isKept ? { kind: 'drop', reason } : { kind: 'retry', delayMs: RETRY_MS, reason: 'dead_letter_not_stored' };
}
