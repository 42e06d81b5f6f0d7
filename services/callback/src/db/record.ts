import { anyFiledAt, type Database, type DeliveryStatus, tryOut } from '@pressferry/database';
import { sql } from 'kysely';
import type { FailureCode } from '../model.ts';
import { canary } from './intake.ts';

export interface AttemptRecord {
  filedAt: string;
  resultId: string;
  owner: string;
  startedAtMs: number;
  durationMs: number;
  statusCode: number | null;
  outcome: 'acknowledged' | 'retry' | 'stopped';
  failureCode: FailureCode | null;
  traceparent: string | null;
  next: { status: 'pending'; delayMs: number } | { status: 'acknowledged' | 'held' | 'dead' };
}

/** The delivery's state afterwards; `lost` if another worker holds the lease and will record its own attempt. */
export type Recorded = DeliveryStatus | 'lost';

/**
 * If the last analysis saw hardly a live row, a join alone may walk the whole index, dead rows too, and one with many
 * rows compares each with each. So the table is read by its key only, and joined only if the statement needs it.
 */
const idsOf = (rows: 'input' | 'going') => sql`any(array(select result_id from ${sql.ref(rows)}))`;

/**
 * Stores attempts of distinct deliveries and the deliveries' new states in one statement; answers in the order of the
 * input. A delivery that ends moves to the past ones. A first attempt that was acknowledged has no row: its delivery
 * says all of it. A delivery that was polled meanwhile stays polled. An acknowledgement counts even after the lease was
 * lost, because the site holds the result.
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
        ${column(({ next }) => Math.round(next.status === 'pending' ? next.delayMs : 0))}::bigint[],
        ${column(({ traceparent }) => traceparent)}::text[])
        as input (result_id, owner, started_at, duration_ms, status_code, outcome, failure_code, next_status, delay_ms, traceparent)
    ), going as materialized (
      select * from input where next_status in ('pending', 'held')
    ), going_on as (
      update open_deliveries as delivery set status = going.next_status, due_at = now() + going.delay_ms * interval '1 ms',
        failure_code = going.failure_code, attempts_told = delivery.attempts_told + 1, lease_owner = null, lease_until = null,
        last_traceparent = coalesce(going.traceparent, delivery.last_traceparent)
      from going
      where delivery.result_id = ${idsOf('going')} and delivery.result_id = going.result_id and delivery.lease_owner = going.owner
      returning delivery.filed_at, delivery.result_id, delivery.status, delivery.attempts_told as attempt
    ), gone as (
      delete from open_deliveries
      where result_id = ${idsOf('input')} and (
        result_id in (select result_id from input where next_status = 'acknowledged')
        or (result_id, lease_owner) in (select result_id, owner from input where next_status = 'dead')
      )
      returning *
    ), ending as (
      select gone.*, input.next_status, input.failure_code as last_code,
        case when input.next_status = 'dead' then coalesce(input.traceparent, gone.last_traceparent) end as last_span,
        input.next_status = 'acknowledged' and gone.attempt_count = 1 and gone.replays is null as is_first
      from gone join input using (result_id)
    ), past as (
      insert into past_deliveries (filed_at, result_id, site_id, status, attempt_count, failure_code, replays, last_traceparent,
        created_at, finished_at)
      select filed_at, result_id, site_id, next_status, attempt_count, last_code, replays, last_span, created_at, now() from ending
      on conflict do nothing
    ), settled as (
      select filed_at, result_id, status, attempt, true as is_told from going_on
      union all
      select filed_at, result_id, next_status, attempts_told + 1, not is_first from ending
    ), told as (
      insert into attempts (filed_at, result_id, attempt, started_at, duration_ms, outcome, status_code, failure_code)
      select filed_at, result_id, attempt, started_at, duration_ms, outcome, status_code, failure_code
      from settled join input using (result_id) where is_told
    )
    select result_id, status from settled`.execute(db);
  const settled = new Map(rows.map(({ result_id, status }) => [result_id, status]));
  const others = records.filter(({ resultId }) => !settled.has(resultId));
  if (others.length > 0) for (const id of await recordPolled(db, others)) settled.set(id, 'polled');
  return records.map(({ resultId }) => settled.get(resultId) ?? 'lost');
}

/** Stores attempts of deliveries that were polled meanwhile; returns their ids. */
async function recordPolled(db: Database, records: readonly AttemptRecord[]): Promise<string[]> {
  const column = <T>(read: (record: AttemptRecord) => T): T[] => records.map(read);
  const days = anyFiledAt(column(({ filedAt }) => filedAt));
  const { rows } = await sql<{ result_id: string }>`
    insert into attempts (filed_at, result_id, attempt, started_at, duration_ms, outcome, status_code, failure_code)
    select past.filed_at, past.result_id, 1 + coalesce((
        select max(attempt) from attempts
        where attempts.filed_at = ${days} and attempts.filed_at = past.filed_at and attempts.result_id = past.result_id
      ), 0), input.started_at, duration_ms, outcome, status_code, input.failure_code
    from unnest(${column(({ resultId }) => resultId)}::uuid[],
        ${column(({ startedAtMs }) => new Date(startedAtMs).toISOString())}::timestamptz[],
        ${column(({ durationMs }) => Math.round(durationMs))}::integer[], ${column(({ statusCode }) => statusCode)}::integer[],
        ${column(({ outcome }) => outcome)}::text[], ${column(({ failureCode }) => failureCode)}::text[])
        as input (result_id, started_at, duration_ms, status_code, outcome, failure_code)
      join past_deliveries past using (result_id)
    where past.filed_at = ${days} and past.status = 'polled'
    returning result_id`.execute(db);
  return rows.map(({ result_id }) => result_id);
}

export const tryRecord = (db: Database, like: AttemptRecord): Promise<void> =>
  tryOut(db, async (tx) => {
    const delivery = { ...canary(), lease_owner: like.owner, lease_until: new Date() };
    await tx.insertInto('open_deliveries').values(delivery).execute();
    const fields = { startedAtMs: 0, durationMs: 0, statusCode: null, failureCode: null, traceparent: null } as const;
    await recordAttempts(tx, [
      { ...like, ...fields, resultId: delivery.result_id, outcome: 'acknowledged', next: { status: 'acknowledged' } },
    ]);
  });
