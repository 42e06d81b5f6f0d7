import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openDatabase } from '@pressferry/database';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { type RawBuilder, sql } from 'kysely';
import { storeEvents } from '../src/db/store-events.ts';
import { newEvent } from './journeys.ts';
import { SUMMARY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

/** Stores a run that no process is told of, to be changed into what another process or a person leaves. */
async function storeApart(world: World, siteId: string): Promise<string> {
  await world.setSites('paused', siteId);
  const request = await world.send({ siteId });
  const setAside = () =>
    world.db
      .updateTable('open_runs')
      .set({ due_at: sql`now() + interval '1 day'` })
      .where('request_id', '=', request)
      .executeTakeFirst();
  await waitFor(async () => (await setAside()).numUpdatedRows === 1n, { what: 'the run to be stored' });
  await world.setSites('active', siteId);
  return request;
}

const LEFT: Record<string, RawBuilder<unknown>> = {
  'a run in a lane that another process filled': sql`due_at = now()`,
  'a run with an old due time': sql`due_at = now() - interval '1 hour'`,
  'a run with an old due time whose worker is gone': sql`due_at = now() - interval '1 hour', status = 'running',
    lease_owner = 'gone', lease_until = now()`,
};
for (const [name, change] of Object.entries(LEFT)) {
  test(`${name} is taken up, while an old transaction is open`, async () => {
    await using world = await startWorld(postgres);
    await using other = openDatabase({ url: world.databaseUrl, applicationName: 'old', poolSize: 1 });
    const old = await other.startTransaction().execute();
    await sql`set local idle_in_transaction_session_timeout = 0`.execute(old);
    await sql`select pg_current_xact_id()`.execute(old);
    await world.start(`${vendorsYaml()}${SUMMARY}`, { LEASE_MS: '1000' });
    const request = await storeApart(world, 'site-b');
    await world.result(await world.send({ siteId: 'site-a' }), 'summarize-post');
    await sql`update open_runs set ${change} where request_id = ${request}`.execute(world.db);
    await world.result(request, 'summarize-post');
    await old.rollback().execute();
  });
}

test('a run is taken up whose transaction commits long after later runs of its site are done', async () => {
  await using world = await startWorld(postgres);
  await using other = openDatabase({ url: world.databaseUrl, applicationName: 'late', poolSize: 1 });
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const request = await storeApart(world, 'site-a');
  const late = await other.startTransaction().execute();
  await sql`update open_runs set due_at = now() - interval '1 minute' where request_id = ${request}`.execute(late);
  for (let left = 3; left > 0; left--) await world.result(await world.send({ siteId: 'site-a' }), 'summarize-post');
  await late.commit().execute();
  await world.result(request, 'summarize-post');
});

test('what waited for a lock before it was stored is due from when it was written', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 3 });
  await sql`insert into sites (site_id, issuer, audience) values ('site-a', 'https://site', 'pressferry')`.execute(db);
  const locking = await db.startTransaction().execute();
  await sql`lock table open_runs in share mode`.execute(locking);
  const event = newEvent('site-a');
  const storing = storeEvents(db, [event], { owner: 'test', leaseMs: 60_000, runIds: new Set() });
  const waiting = sql<{ since: string }>`select clock_timestamp()::text as since from pg_stat_activity
    where wait_event_type = 'Lock' and datname = current_database()`;
  const since = await waitFor(async () => (await waiting.execute(db)).rows[0]?.since, {
    what: 'the storing to wait',
  });
  await locking.commit().execute();
  await storing;
  const { rows } = await sql`select from open_runs where due_at >= ${since}::timestamptz`.execute(db);
  assert.equal(rows.length, 1);
});

test('old runs of a site are taken up once it is active again', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const request = await storeApart(world, 'site-a');
  await world.setSites('paused', 'site-a');
  await sql`update open_runs set due_at = now() - interval '1 hour'`.execute(world.db);
  await world.result(await world.send({ siteId: 'site-b' }), 'summarize-post');
  await world.setSites('active', 'site-a');
  await world.result(request, 'summarize-post');
});
