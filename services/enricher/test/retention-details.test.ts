import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { clearOldDays } from '@pressferry/database';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { finished, rowsOf } from './retention-world.ts';
import { SUMMARY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

/** How many details of an event are left: steps with their attempts, and attempts at the site. */
async function detailsOf({ db }: World, request: string): Promise<number[]> {
  const { rows } = await sql<{ steps: number; tries: number; attempts: number }>`
    select (select count(*)::int from steps join runs using (run_id) where request_id = ${request}) as steps,
      (select count(*)::int from step_attempts join runs using (run_id) where request_id = ${request}) as tries,
      (select count(*)::int from attempts join results using (result_id) where request_id = ${request}) as attempts
  `.execute(db);
  return rows.flatMap(({ steps, tries, attempts }) => [steps, tries, attempts]);
}

test('details of finished days go before the events do, each kind after its time; days with open work keep theirs', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`, { RETENTION_DAYS: '0' });
  const [old, open, young] = [
    await finished(world, 12, 'acknowledged'),
    await finished(world, 11, 'pending'),
    await finished(world, 9, 'acknowledged'),
  ];
  for (const request of [old, open, young])
    await sql`
      insert into step_attempts (filed_at, run_id, position, attempt, started_at, duration_ms, outcome)
      select filed_at, run_id, 1, 1, now(), 1, 'retry' from past_runs where request_id = ${request}`.execute(world.db);
  const kept = await rowsOf(world, young);
  const rules = { stepsDays: 10, attemptsDays: 0 };
  assert.deepEqual(await clearOldDays(world.db, { ...rules, dryRun: true }), { tables: 2, busyTables: 0 });
  assert.deepEqual(await detailsOf(world, old), [1, 1, 1], 'a dry run removed something');

  assert.deepEqual(await clearOldDays(world.db, rules), { tables: 2, busyTables: 0 });
  assert.deepEqual(await detailsOf(world, old), [0, 0, 1]);
  assert.deepEqual(await clearOldDays(world.db, { stepsDays: 0, attemptsDays: 10 }), { tables: 1, busyTables: 0 });
  assert.deepEqual(await detailsOf(world, old), [0, 0, 0]);
  assert.deepEqual(await detailsOf(world, open), [1, 1, 0]);
  assert.deepEqual(await detailsOf(world, young), [1, 1, 1]);
  assert.equal(await rowsOf(world, old), kept - 1, 'more than the step went');
  assert.deepEqual(await clearOldDays(world.db, rules), { tables: 0, busyTables: 0 }, 'nothing is left to clear');
});

test('a day whose details are read meanwhile keeps them until the next pass', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`, { RETENTION_DAYS: '0' });
  await finished(world, 40, 'acknowledged');
  const rules = { stepsDays: 30, attemptsDays: 0 };
  await world.db.transaction().execute(async (tx) => {
    await sql`select count(*) from past_steps`.execute(tx);
    const stop = new AbortController();
    const clearing = clearOldDays(world.db, { ...rules, signal: stop.signal });
    const waiting = sql`select from pg_locks where not granted and mode = 'AccessExclusiveLock'`;
    await waitFor(async () => (await waiting.execute(world.db)).rows.length > 0, { what: 'the wait for the lock' });
    stop.abort();
    assert.deepEqual(await clearing, { tables: 0, busyTables: 1 });
  });
  assert.deepEqual(await clearOldDays(world.db, rules), { tables: 1, busyTables: 0 });
});

test('a finished run that is begun again while its day is cleared keeps its steps', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`, { RETENTION_DAYS: '0' });
  const request = await finished(world, 40, 'acknowledged');
  const clearing = await world.db.transaction().execute(async (tx) => {
    await sql`select from past_steps`.execute(tx);
    await sql`
      insert into open_runs (filed_at, run_id, request_id, site_id, idempotency_key, automation, vendor, due_at)
      select filed_at, gen_random_uuid(), request_id, site_id, gen_random_uuid(), automation || ' again', 'llm', 'infinity'
      from past_runs where request_id = ${request}`.execute(tx);
    const begun = clearOldDays(world.db, { stepsDays: 30, attemptsDays: 0 });
    const waiting = sql`select from pg_locks where not granted and mode = 'AccessExclusiveLock'`;
    await waitFor(async () => (await waiting.execute(world.db)).rows.length > 0, { what: 'the wait for the lock' });
    return { begun };
  });
  assert.deepEqual(await clearing.begun, { tables: 0, busyTables: 0 });
  assert.equal((await detailsOf(world, request))[0], 1);
});

test('enricher removes details by itself', async () => {
  await using world = await startWorld(postgres);
  const settings = { RETENTION_STEPS_DAYS: '5', RETENTION_ATTEMPTS_DAYS: '5', RETENTION_EVERY_MS: '200' };
  await world.start(`${vendorsYaml()}${SUMMARY}`, settings);
  const request = await finished(world, 8, 'dead');
  await waitFor(async () => (await detailsOf(world, request)).every((count) => count === 0), { what: 'them to go' });
  assert.ok((await rowsOf(world, request)) > 0);
});
