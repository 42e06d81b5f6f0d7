import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { removeOldEvents } from '@pressferry/database';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { SUMMARY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

/** How many rows of each table belong to an event. */
async function rowsOf({ db }: World, request: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select (select count(*) from events where request_id = ${request})
      + (select count(*) from runs where request_id = ${request})
      + (select count(*) from steps join runs using (run_id) where request_id = ${request})
      + (select count(*) from results where request_id = ${request})
      + (select count(*) from deliveries join results using (result_id) where request_id = ${request}) as count
  `.execute(db);
  return Number(rows[0]?.count);
}

/** Stores an event that is done: published, with a delivery of this status. */
async function finished(world: World, delivery: 'acknowledged' | 'dead' | 'pending' | 'held'): Promise<string> {
  const request = await world.send();
  await world.result(request, 'summarize-post');
  const published = () =>
    world.db
      .selectFrom('results')
      .select('result_id')
      .where('request_id', '=', request)
      .where('published_at', 'is not', null)
      .executeTakeFirst();
  const { result_id } = await waitFor(published, { what: 'the result to be published' });
  await world.db
    .insertInto('deliveries')
    .values({ result_id, site_id: 'site-a', status: delivery })
    .onConflict((conflict) => conflict.column('result_id').doUpdateSet({ status: delivery }))
    .execute();
  await world.db
    .insertInto('attempts')
    .values({ result_id, attempt: 1, started_at: new Date(), duration_ms: 1, outcome: 'retry' })
    .execute();
  return request;
}

const age = ({ db }: World, request: string, days: number) =>
  sql`update events set received_at = now() - ${days} * interval '1 day' where request_id = ${request}`.execute(db);

test('what is finished and old goes with all that belongs to it; what is young, open or undelivered stays', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`, { RETENTION_DAYS: '0' });
  const [delivered, dead, pending, held, young] = [
    await finished(world, 'acknowledged'),
    await finished(world, 'dead'),
    await finished(world, 'pending'),
    await finished(world, 'held'),
    await finished(world, 'acknowledged'),
  ];
  for (const request of [delivered, dead, pending, held]) await age(world, request, 31);
  await age(world, young, 29);

  assert.deepEqual(await removeOldEvents(world.db, { days: 30, dryRun: true }), { events: 2, kept: 2 });
  assert.ok((await rowsOf(world, delivered)) > 0, 'a dry run removed something');

  assert.deepEqual(await removeOldEvents(world.db, { days: 30, batch: 1 }), { events: 2, kept: 2 });
  assert.deepEqual(await Promise.all([delivered, dead].map((request) => rowsOf(world, request))), [0, 0]);
  for (const request of [pending, held, young]) assert.ok((await rowsOf(world, request)) > 0);
  const { rows } = await sql<{ orphans: string }>`
    select (select count(*) from steps where run_id not in (select run_id from runs))
      + (select count(*) from step_attempts where run_id not in (select run_id from runs))
      + (select count(*) from attempts where result_id not in (select result_id from results)) as orphans
  `.execute(world.db);
  assert.equal(Number(rows[0]?.orphans), 0);
});

test('enricher removes old events by itself', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`, { RETENTION_DAYS: '30', RETENTION_EVERY_MS: '200' });
  const request = await finished(world, 'acknowledged');
  await age(world, request, 40);
  await waitFor(async () => (await rowsOf(world, request)) === 0, { what: 'the old event to go' });
});
