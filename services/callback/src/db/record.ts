import { randomUUID } from 'node:crypto';
import { type Database, type DeliveryStatus, tryOut } from '@pressferry/database';
import { sql } from 'kysely';
import type { FailureCode } from '../model.ts';

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

/** What the delivery is after an attempt was recorded; `lost` if the lease had passed to another worker, which will record its own. */
export type Recorded = DeliveryStatus | 'lost';

/**
 * Stores attempts of distinct deliveries and the deliveries' new states in one statement, all or none; in the order of the input. A
 * first attempt that was acknowledged has no row of its own: its delivery says all of it. A delivery that was polled meanwhile stays polled. An acknowledgement counts even after the lease was lost, because the site does hold the
 * result.
 */
export async function recordAttempts(db: Database, records: readonly AttemptRecord[]): Promise<Recorded[]> {
  const column = <T>(read: (record: AttemptRecord) => T): T[] => records.map(read);
  const { rows } = await sql<{ result_id: string; status: DeliveryStatus }>`/* record_attempts */
    with input as (
      select * from unnest(${column(({ resultId }) => resultId)}::uuid[], ${column(({ owner }) => owner)}::text[],
        ${column(({ startedAtMs }) => new Date(startedAtMs).toISOString())}::timestamptz[],
        ${column(({ durationMs }) => Math.round(durationMs))}::integer[],
        ${column(({ statusCode }) => statusCode)}::integer[], ${column(({ outcome }) => outcome)}::text[],
        ${column(({ failureCode }) => failureCode)}::text[], ${column(({ next }) => next.status)}::text[],
        ${column(({ next }) => Math.round(next.status === 'pending' ? next.delayMs : 0))}::bigint[])
        as input (result_id, owner, started_at, duration_ms, status_code, outcome, failure_code, next_status, delay_ms)
    ), settled as (
      update deliveries set
        status = case when status = 'pending' then input.next_status else status end,
        due_at = now() + input.delay_ms * interval '1 ms',
        failure_code = input.failure_code,
        finished_at = case when status = 'pending' and input.next_status in ('acknowledged', 'dead') then now()
          else finished_at end,
        lease_owner = null, lease_until = null
      from input
      where deliveries.result_id = input.result_id and (deliveries.lease_owner = input.owner
        or (deliveries.status = 'pending' and input.next_status = 'acknowledged'))
      returning deliveries.result_id, deliveries.status,
        deliveries.attempt_count = 1 and deliveries.replays is null as is_first
    ), stored as (
      insert into attempts (result_id, attempt, started_at, duration_ms, outcome, status_code, failure_code)
      select result_id, 1 + (select coalesce(max(attempt), 0) from attempts before where before.result_id = settled.result_id),
        started_at, duration_ms, outcome, status_code, input.failure_code
      from settled join input using (result_id)
      where not (input.outcome = 'acknowledged' and settled.status = 'acknowledged' and settled.is_first)
    )
    select result_id, status from settled`.execute(db);
  const settled = new Map(rows.map(({ result_id, status }) => [result_id, status]));
  return records.map(({ resultId }) => settled.get(resultId) ?? 'lost');
}

/** Tries whether the database takes an attempt. */
export const tryRecord = (db: Database, like: AttemptRecord): Promise<void> =>
  tryOut(db, async (tx) => {
    const resultId = randomUUID();
    const delivery = { result_id: resultId, site_id: 'canary', lease_owner: like.owner, lease_until: new Date() };
    await tx.insertInto('deliveries').values(delivery).execute();
    const fields = { startedAtMs: 0, durationMs: 0, statusCode: null, failureCode: null } as const;
    await recordAttempts(tx, [
      { ...like, ...fields, resultId, outcome: 'acknowledged', next: { status: 'acknowledged' } },
    ]);
  });
