import { encodeEvent, eventSubject, shardOf } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import type { PublishDeadLetter } from '@pressferry/worker';
import { readFailedRun } from '../db/failed-run.ts';

export interface DeadRun {
  runId: string;
  requestId: string;
  siteId: string;
  filedAt: string;
  failureCode: string;
}

/**
 * Publishes a failed run's dead letter with its event as EVENTS had it, body sealed, or without it if the event was
 * erased. True once DEADLETTERS holds it.
 */
export async function publishRunLetter(
  { runId, requestId, siteId, filedAt, failureCode }: DeadRun,
  deps: { db: Database; publishDeadLetter: PublishDeadLetter; shards: number },
): Promise<boolean> {
  const failed = await readFailedRun(deps.db, { runId, filedAt });
  const message =
    failed === undefined
      ? new Uint8Array()
      : encodeEvent({
          requestId: failed.request_id,
          siteId: failed.site_id,
          eventType: failed.event_type,
          objectRef: failed.object_ref,
          idempotencyKey: failed.idempotency_key,
          receivedAtMs: failed.received_at.getTime(),
          body: Buffer.from(failed.sealed_body, 'latin1'),
          mode: failed.mode,
        });
  const subject = failed === undefined ? '' : eventSubject(shardOf(siteId, deps.shards), siteId, failed.event_type);
  const letter = { siteId, requestId, runId, reason: failureCode, stream: '', streamSequence: 0, subject, message };
  return deps.publishDeadLetter({ ...letter, tries: failed?.tries ?? 0 }, `run:${runId}`);
}
