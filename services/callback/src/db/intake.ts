import { randomUUID } from 'node:crypto';
import { anyFiledAt, type Database, tryOut } from '@pressferry/database';
import { sql } from 'kysely';
import { lockResults } from './lock-results.ts';

export interface NewDelivery {
  resultId: string;
  requestId: string;
  siteId: string;
  status: 'pending' | 'held';
  /** The nonce of the replay; null for a result's own message. */
  replay: string | null;
}

/** A new delivery; a dead one that starts again; none because it exists; none because the result is gone. */
export type Stored = 'stored' | 'revived' | 'duplicate' | 'erased';

/**
 * Makes missing deliveries, due or held; answers in the order of the input. Only a replay revives a dead delivery, and
 * each replay only once, so a message that JetStream delivers again changes nothing.
 */
export async function storeDeliveries(db: Database, deliveries: readonly NewDelivery[]): Promise<Stored[]> {
  const { rows: open } = await sql<{ result_id: string }>`/* find_open_deliveries */
    select result_id from open_deliveries where result_id = any(${deliveries.map(({ resultId }) => resultId)}::uuid[])`.execute(
    db,
  );
  const isOpen = new Set(open.map(({ result_id }) => result_id));
  const others = deliveries.filter(({ resultId }) => !isOpen.has(resultId));
  const stored = others.length === 0 ? new Map<string, Stored>() : await storeOthers(db, others);
  return deliveries.map(({ resultId }) => stored.get(resultId) ?? (isOpen.has(resultId) ? 'duplicate' : 'erased'));
}

async function storeOthers(db: Database, deliveries: readonly NewDelivery[]): Promise<Map<string, Stored>> {
  const { rows: places } = await sql<{ request_id: string; filed_at: string }>`
    select request_id, filed_at::text from event_keys
    where request_id = any(${deliveries.map(({ requestId }) => requestId)}::uuid[])`.execute(db);
  const filedAt = new Map(places.map(({ request_id, filed_at }) => [request_id, filed_at]));
  const given = deliveries.flatMap((delivery) => {
    const filed_at = filedAt.get(delivery.requestId);
    return filed_at === undefined ? [] : [{ ...delivery, filed_at }];
  });
  const ended = await endedAmong(
    db,
    given.filter(({ replay }) => replay === null),
  );
  const stored = new Map([...ended].map((resultId): [string, Stored] => [resultId, 'duplicate']));
  const missing = given.filter(({ resultId }) => !ended.has(resultId));
  if (missing.length === 0) return stored;
  const made = await db
    .transaction()
    .setIsolationLevel('read committed')
    .execute(async (tx) => {
      await lockResults(
        tx,
        missing.map(({ filed_at, resultId }) => ({ filed_at, result_id: resultId })),
      );
      return make(tx, missing);
    });
  return new Map([...stored, ...made]);
}

type Filed = NewDelivery & { filed_at: string };

/** Mostly by another process, which heard of them earlier. */
async function endedAmong(db: Database, given: readonly Filed[]): Promise<Set<string>> {
  if (given.length === 0) return new Set();
  const { rows } = await sql<{ result_id: string }>`
    select result_id from past_deliveries where filed_at = ${daysOf(given)}
      and result_id = any(${given.map(({ resultId }) => resultId)}::uuid[])`.execute(db);
  return new Set(rows.map(({ result_id }) => result_id));
}

const daysOf = (given: readonly Filed[]) => anyFiledAt(given.map(({ filed_at }) => filed_at));

async function make(db: Database, given: readonly Filed[]): Promise<Map<string, Stored>> {
  const days = daysOf(given);
  const { rows } = await sql<{ result_id: string; stored: Stored }>`
    with input as (
      select * from unnest(${given.map(({ filed_at }) => filed_at)}::timestamptz[],
        ${given.map(({ resultId }) => resultId)}::uuid[], ${given.map(({ siteId }) => siteId)}::text[],
        ${given.map(({ status }) => status)}::text[], ${given.map(({ replay }) => replay)}::text[])
        as input (filed_at, result_id, site_id, status, replay)
    ), found as (
      select input.*, results.run_id, results.request_id, results.completed_at, events.idempotency_key, events.traceparent
      from input join results using (filed_at, result_id, site_id) join events using (filed_at, request_id)
      where results.filed_at = ${days} and events.filed_at = ${days}
      -- Its day is not dropped before this is committed.
      for key share of events
    ), revived as (
      delete from past_deliveries past using found
      where past.filed_at = ${days} and past.filed_at = found.filed_at and past.result_id = found.result_id
        and past.status = 'dead' and found.replay is not null and not coalesce(found.replay = any(past.replays), false)
      returning past.result_id, past.replays, past.created_at, past.last_traceparent
    ), made as (
      insert into open_deliveries (filed_at, result_id, run_id, request_id, site_id, idempotency_key, traceparent, completed_at,
        status, last_traceparent, attempts_told, replays, created_at)
      select filed_at, result_id, run_id, request_id, site_id, idempotency_key, traceparent, completed_at, status,
        revived.last_traceparent, coalesce((
          select max(attempt) from attempts
          where attempts.filed_at = ${days} and attempts.filed_at = found.filed_at and attempts.result_id = found.result_id
        ), 0), case when revived.result_id is not null then array_append(replays, replay) end, coalesce(revived.created_at, now())
      from found left join revived using (result_id)
      where revived.result_id is not null or not exists (
        select from past_deliveries past
        where past.filed_at = ${days} and past.filed_at = found.filed_at and past.result_id = found.result_id
      )
      on conflict do nothing
      returning result_id
    )
    select result_id, case when made.result_id is null then 'duplicate' when revived.result_id is null then 'stored'
      else 'revived' end as stored
    from found left join made using (result_id) left join revived using (result_id)`.execute(db);
  return new Map(rows.map((row) => [row.result_id, row.stored]));
}

export const tryDelivery = (db: Database): Promise<void> =>
  tryOut(db, (tx) =>
    tx
      .insertInto('open_deliveries')
      .values({ ...canary(), status: 'held' })
      .execute(),
  );

/** A delivery of a result that does not exist. */
export const canary = () => ({
  filed_at: new Date(),
  result_id: randomUUID(),
  run_id: randomUUID(),
  request_id: randomUUID(),
  site_id: 'canary',
  completed_at: new Date(),
});
