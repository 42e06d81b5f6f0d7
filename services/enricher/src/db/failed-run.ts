import type { EventMode } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

/** What the dead letter of a failed run tells of its event. */
export interface FailedRun {
  request_id: string;
  site_id: string;
  event_type: string;
  object_ref: string;
  idempotency_key: string;
  received_at: Date;
  mode: EventMode;
  sealed_body: string;
  /** How often the step that failed was tried. */
  tries: number;
}

/** Reads a failed run; undefined if it was erased meanwhile. */
export async function readFailedRun(db: Database, runId: string): Promise<FailedRun | undefined> {
  const { rows } = await sql<FailedRun>`
    select events.request_id, events.site_id, event_type, object_ref, events.idempotency_key, received_at, mode, sealed_body,
      coalesce((select attempt_count from steps where steps.run_id = runs.run_id and steps.name = runs.failed_step), 0) as tries
    from runs join events using (request_id) where run_id = ${runId}
  `.execute(db);
  return rows[0];
}
