import type { EventMode } from '@pressferry/contracts';
import { anyFiledAt, type Database } from '@pressferry/database';
import { sql } from 'kysely';

/** For the dead letter of a failed run. */
export interface FailedRun {
  request_id: string;
  site_id: string;
  event_type: string;
  object_ref: string;
  idempotency_key: string;
  received_at: Date;
  mode: EventMode;
  sealed_body: string;
  /** Of the step that failed. */
  tries: number;
}

/** Undefined if it was erased meanwhile. */
export async function readFailedRun(
  db: Database,
  { runId, filedAt }: { runId: string; filedAt: string },
): Promise<FailedRun | undefined> {
  const day = anyFiledAt([filedAt]);
  const { rows } = await sql<FailedRun>`
    select events.request_id, events.site_id, event_type, object_ref, events.idempotency_key, received_at, mode, sealed_body,
      coalesce((
        select attempt_count from past_steps
        where past_steps.filed_at = ${day} and past_steps.run_id = past_runs.run_id and past_steps.name = failed_step
      ), 0) as tries
    from past_runs join events using (filed_at, request_id)
    where past_runs.filed_at = ${day} and events.filed_at = ${day} and run_id = ${runId}
  `.execute(db);
  return rows[0];
}
