import type { Delivered, Outcome } from '@pressferry/jetstream';
import { giveUpMessage, type PublishDeadLetter } from '@pressferry/worker';
import type { DecodedEvent } from './decode.ts';

export type IntakeReason =
  | 'condition_too_slow'
  | 'event_undecodable'
  | 'event_unstorable'
  | 'idempotency_conflict'
  | 'worker_killed';

export function giveUp(
  message: Delivered,
  decoded: DecodedEvent | null,
  { reason, publishDeadLetter }: { reason: IntakeReason; publishDeadLetter: PublishDeadLetter },
): Promise<Outcome> {
  const { siteId, requestId } = decoded?.event ?? {};
  return giveUpMessage(message, { reason, siteId, requestId }, { stage: 'enricher', publishDeadLetter });
}
