import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { countDaysAhead, DAYS_AHEAD, dropOldDays, readDays } from '@pressferry/database';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { SUMMARY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const DAY_MS = 86_400_000;
const daysAgo = (days: number): number => Date.now() - days * DAY_MS;
const suffixOf = (ms: number): string => `_${new Date(ms).toISOString().slice(0, 10).replaceAll('-', '')}`;

/** How many rows of each table belong to an event. */
async function rowsOf({ db }: World, request: string): Promise<number> {
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
async function finished(world: World, days: number, delivery: 'acknowledged' | 'dead' | 'pending' | 'held') {
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

test('days that are over go with all that belongs to them; young days, and days with open work, stay whole', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`, { RETENTION_DAYS: '0' });
  const [delivered, dead, pending, held, young] = [
    await finished(world, 40, 'acknowledged'),
    await finished(world, 39, 'dead'),
    await finished(world, 38, 'pending'),
    await finished(world, 37, 'held'),
    await finished(world, 29, 'acknowledged'),
  ];
  const expected = { days: 2, events: 2, keptDays: 2, busyDays: 0 };
  assert.deepEqual(await dropOldDays(world.db, { days: 30, dryRun: true }), expected);
  assert.ok((await rowsOf(world, delivered)) > 0, 'a dry run removed something');

  assert.deepEqual(await dropOldDays(world.db, { days: 30 }), expected);
  assert.deepEqual(await Promise.all([delivered, dead].map((request) => rowsOf(world, request))), [0, 0]);
  for (const request of [pending, held, young]) assert.equal(await rowsOf(world, request), 6);
  const suffixes = (await readDays(world.db)).map(({ suffix }) => suffix);
  assert.ok(!suffixes.includes(suffixOf(daysAgo(40))) && suffixes.includes(suffixOf(daysAgo(38))));
});

test('enricher drops old days by itself, and keeps days ahead', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`, { RETENTION_DAYS: '30', RETENTION_EVERY_MS: '200' });
  const request = await finished(world, 40, 'acknowledged');
  await waitFor(async () => (await rowsOf(world, request)) === 0, { what: 'the old event to go' });
  assert.equal(await countDaysAhead(world.db), DAYS_AHEAD);
});

test('an accepted event finds a place though its day has no partitions', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`, { RETENTION_DAYS: '0' });
  const first = await world.send();
  await world.result(first, 'summarize-post');
  // All of them are gone that enricher knows of, as when a day was dropped between two of its events.
  await sql`truncate events, past_runs, past_steps, results, open_deliveries, event_keys`.execute(world.db);
  for (const { suffix } of await readDays(world.db))
    for (const table of [
      'events',
      'past_runs',
      'past_steps',
      'step_attempts',
      'results',
      'past_deliveries',
      'attempts',
    ])
      await sql`select drop_day(${table}, ${suffix})`.execute(world.db);
  assert.deepEqual(await readDays(world.db), []);
  const requests = [await world.send(), await world.send({ receivedAtMs: daysAgo(12) })];
  for (const request of requests) assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
});

test('a day that is read meanwhile is left to the next pass, and delays no event for long', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`, { RETENTION_DAYS: '0' });
  const old = await finished(world, 40, 'acknowledged');
  await world.db.transaction().execute(async (tx) => {
    await sql`select count(*) from events`.execute(tx);
    const stop = new AbortController();
    const dropping = dropOldDays(world.db, { days: 30, signal: stop.signal });
    // An event that comes while the drop waits for its lock waits no longer than it.
    const request = await world.send();
    assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
    stop.abort();
    assert.equal((await dropping).busyDays, 1);
  });
  assert.ok((await rowsOf(world, old)) > 0);
  assert.equal((await dropOldDays(world.db, { days: 30 })).days, 1);
});

test('a key that was used on another day is a repeat: the same body changes nothing, another one is a dead letter', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`, { RETENTION_DAYS: '0' });
  const key = crypto.randomUUID();
  const first = await world.send({ key, receivedAtMs: daysAgo(20) });
  await world.result(first, 'summarize-post');
  const calls = world.vendors.ledger().calls;
  const outcomes = () => world.log.flatMap((line) => /"outcome":"(duplicate|conflict)"/.exec(line)?.[1] ?? []);
  assert.equal(await world.send({ key }), first);
  await waitFor(() => outcomes().length === 1, { what: 'the repeat' });
  await world.send({ key, objectRef: 'another' });
  await waitFor(() => outcomes().length === 2, { what: 'the conflict' });
  assert.deepEqual(outcomes(), ['duplicate', 'conflict']);
  assert.equal(world.vendors.ledger().calls, calls);
  assert.equal((await world.db.selectFrom('events').select('request_id').execute()).length, 1);
});
