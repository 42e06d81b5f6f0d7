import { randomUUID } from 'node:crypto';
import { type Database, tryOut } from '@pressferry/database';
import { sql } from 'kysely';

/** A result that is to have a delivery. */
export interface NewDelivery {
  resultId: string;
  siteId: string;
  status: 'pending' | 'held';
  /** The nonce of the replay that asks for it; null for a result's own message. */
  replay: string | null;
}

/** What a result message made: a new delivery, one that was dead and starts again, none because it was there, or none because the result is gone. */
export type Stored = 'stored' | 'revived' | 'duplicate' | 'erased';

/**
 * Makes the deliveries of results, due now or held, if they are not there yet; in the order of the input. Only a replay begins a dead
 * delivery again, and each replay only once: a message that JetStream delivers a second time, or all of them again through a consumer
 * that was recreated, changes nothing.
 */
export async function storeDeliveries(db: Database, deliveries: readonly NewDelivery[]): Promise<Stored[]> {
  const { rows } = await sql<{ result_id: string; stored: Stored }>`/* store_deliveries */
    with input as (
      select * from unnest(${deliveries.map(({ resultId }) => resultId)}::uuid[],
        ${deliveries.map(({ siteId }) => siteId)}::text[], ${deliveries.map(({ status }) => status)}::text[],
        ${deliveries.map(({ replay }) => replay)}::text[]) as input (result_id, site_id, status, replay)
    ), made as (
      insert into deliveries (result_id, site_id, status)
      select input.result_id, input.site_id, input.status from input
      join results on results.result_id = input.result_id and results.site_id = input.site_id
      where not exists (select from deliveries where deliveries.result_id = input.result_id)
      on conflict do nothing
      returning result_id
    ), revived as (
      update deliveries set status = input.status, due_at = now(), attempt_count = 0, failure_code = null,
        finished_at = null, replays = array_append(deliveries.replays, input.replay)
      from input
      where deliveries.result_id = input.result_id and deliveries.status = 'dead' and input.replay is not null
        and not coalesce(input.replay = any(deliveries.replays), false)
      returning deliveries.result_id
    )
    select input.result_id, case
      when made.result_id is not null then 'stored'
      when revived.result_id is not null then 'revived'
      when exists (select from results where results.result_id = input.result_id and results.site_id = input.site_id)
      then 'duplicate' else 'erased' end as stored
    from input left join made using (result_id) left join revived using (result_id)`.execute(db);
  const stored = new Map(rows.map((row) => [row.result_id, row.stored]));
  return deliveries.map(({ resultId }) => stored.get(resultId) ?? 'duplicate');
}

/** Tries whether the database takes a delivery. */
export const tryDelivery = (db: Database): Promise<void> =>
  tryOut(db, (tx) =>
    tx.insertInto('deliveries').values({ result_id: randomUUID(), site_id: 'canary', status: 'held' }).execute(),
  );
