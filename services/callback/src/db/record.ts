import type { Database, DeliveryStatus } from '@pressferry/database';
import { sql } from 'kysely';
import type { FailureCode } from '../delivery/codes.ts';

/** One attempt and what it makes of its delivery. */
export interface AttemptRecord {
  resultId: string;
  owner: string;
  startedAtMs: number;
  durationMs: number;
  statusCode: number | null;
  outcome: 'acknowledged' | 'retry' | 'stopped';
  failureCode: FailureCode | null;
  /** `pending` with the delay of the next attempt, or where the delivery ends. */
  next: { status: 'pending'; delayMs: number } | { status: 'acknowledged' | 'held' | 'dead' };
}

/** What the delivery is after an attempt was recorded; `lost` where the lease had passed to another worker, which will record its own. */
export type Recorded = DeliveryStatus | 'lost';

/**
 * Stores an attempt and its delivery's new state at once. A delivery that was polled meanwhile stays polled. An acknowledgement counts
 * even after the lease was lost, for the site does hold the result.
 */
export async function recordAttempt(db: Database, record: AttemptRecord): Promise<Recorded> {
  const { next } = record;
  const delayMs = next.status === 'pending' ? next.delayMs : 0;
  const { rows } = await sql<{ status: DeliveryStatus }>`
    with settled as (
      update deliveries set
        status = case when status = 'pending' then ${next.status} else status end,
        due_at = now() + ${Math.round(delayMs)}::bigint * interval '1 ms',
        failure_code = ${record.failureCode},
        finished_at = case
          when status = 'pending' and ${next.status}::text in ('acknowledged', 'dead') then now() else finished_at end,
        lease_owner = null, lease_until = null
      where result_id = ${record.resultId}
        and (lease_owner = ${record.owner} or (status = 'pending' and ${next.status}::text = 'acknowledged'))
      returning result_id, status
    ), stored as (
      insert into attempts (result_id, attempt, started_at, duration_ms, outcome, status_code, failure_code)
      select s.result_id, 1 + (select coalesce(max(a.attempt), 0) from attempts a where a.result_id = s.result_id),
        ${new Date(record.startedAtMs)}, ${Math.round(record.durationMs)}, ${record.outcome}, ${record.statusCode}, ${record.failureCode}
      from settled s
    )
    select status from settled`.execute(db);
  return rows[0]?.status ?? 'lost';
}
