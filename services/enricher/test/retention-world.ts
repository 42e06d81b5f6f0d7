import { sql } from 'kysely';
import type { World } from './world.ts';

const DAY_MS = 86_400_000;
export const daysAgo = (days: number): number => Date.now() - days * DAY_MS;

/** How many rows of each table belong to an event. */
export async function rowsOf({ db }: World, request: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select (select count(*) from event_keys where request_id = ${request})
      + (select count(*) from events where request_id = ${request})
      + (select count(*) from runs where request_id = ${request})
      + (select count(*) from steps join runs using (run_id) where request_id = ${request})
      + (select count(*) from results where request_id = ${request})
      + (select count(*) from deliveries join results using (result_id) where request_id = ${request}) as count
  `.execute(db);
  return Number(rows[0]?.count);
}

/** Sends an event that ingress accepted so many days ago, and ends its delivery as callback would. */
export async function finished(world: World, days: number, delivery: 'acknowledged' | 'dead' | 'pending' | 'held') {
  const request = await world.send({ receivedAtMs: daysAgo(days) });
  const { result_id } = await world.result(request, 'summarize-post');
  const open = { status: delivery === 'held' ? ('held' as const) : ('pending' as const) };
  await world.db.updateTable('open_deliveries').set(open).where('result_id', '=', result_id).execute();
  if (delivery === 'acknowledged' || delivery === 'dead')
    await sql`
      with ending as (delete from open_deliveries where result_id = ${result_id} returning *),
        told as (
          insert into attempts (filed_at, result_id, attempt, started_at, duration_ms, outcome)
          select filed_at, result_id, 1, now(), 1, 'retry' from ending
        )
      insert into past_deliveries (filed_at, result_id, site_id, status, finished_at)
      select filed_at, result_id, site_id, ${delivery}, now() from ending`.execute(world.db);
  return request;
}
