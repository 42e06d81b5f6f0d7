import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  clearOldDays,
  countDaysAhead,
  DAYS_AHEAD,
  dropOldDays,
  forgetOldRows,
  makeDay,
  openDatabase,
  readBudgets,
  readDays,
  setBudget,
} from '@pressferry/database';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { reserveSpend } from '../src/db/spend.ts';
import { daysAgo, finished, rowsOf } from './retention-world.ts';
import { SUMMARY, startWorld, testPostgres, vendorsYaml } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

/** In the order of their dropping. */
const DAY_TABLES = [
  ...['events', 'past_runs', 'past_steps', 'step_attempts', 'results', 'past_deliveries', 'attempts'],
] as const;
const suffixOf = (ms: number): string => `_${new Date(ms).toISOString().slice(0, 10).replaceAll('-', '')}`;

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

test('a day stays whole while one of its runs waits, however long; once the run has ended, the day goes', async () => {
  await using world = await startWorld(postgres);
  const env = { RETENTION_DAYS: '0' };
  const waiting = SUMMARY.replace('steps:', 'steps:\n      - { name: later, type: delay, for: P2D }');
  await world.start(`${vendorsYaml()}${waiting}`, env);
  const request = await world.send({ receivedAtMs: daysAgo(40) });
  const open = () => world.db.selectFrom('open_runs').select('due_at').where('request_id', '=', request).execute();
  const isWaiting = async () => (await open()).some(({ due_at }) => due_at.getTime() > Date.now() + 3_600_000);
  await waitFor(isWaiting, { what: 'the run to wait' });
  const rows = await rowsOf(world, request);
  assert.deepEqual(await dropOldDays(world.db, { days: 30 }), { days: 0, events: 0, keptDays: 1, busyDays: 0 });
  assert.deepEqual(await clearOldDays(world.db, { stepsDays: 4, attemptsDays: 4 }), { tables: 0, busyTables: 0 });
  assert.equal(await rowsOf(world, request), rows);
  await world.db.updateTable('open_runs').set({ due_at: new Date() }).execute();
  await sql`update open_steps set started_at = now() - interval '3 days' where name = 'later'`.execute(world.db);
  await world.result(request, 'summarize-post');
  await world.db.deleteFrom('open_deliveries').execute();
  assert.deepEqual(await dropOldDays(world.db, { days: 30 }), { days: 1, events: 1, keptDays: 0, busyDays: 0 });
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
    for (const table of DAY_TABLES) await sql`select drop_day(${table}, ${suffix})`.execute(world.db);
  assert.deepEqual(await readDays(world.db), []);
  const requests = [await world.send(), await world.send({ receivedAtMs: daysAgo(12) })];
  for (const request of requests) assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
});

test('a day that is made again while it is dropped lacks no table', async () => {
  await using world = await startWorld(postgres);
  const day = new Date(daysAgo(12)).toISOString().slice(0, 10);
  const suffix = suffixOf(daysAgo(12));
  const drop = async (table: string): Promise<string | undefined> =>
    (await sql<{ state: string }>`select drop_day(${table}, ${suffix}) as state`.execute(world.db)).rows[0]?.state;
  await makeDay(world.db, day);
  for (const table of DAY_TABLES.slice(0, -1)) assert.equal(await drop(table), 'dropped');
  await world.db.transaction().execute(async (tx) => {
    await sql`select make_day(${day}::date)`.execute(tx);
    assert.equal(await drop('attempts'), 'busy');
  });
  assert.equal(await drop('attempts'), 'open');
});

test('a day that is read meanwhile is left to the next pass, and delays no event for long', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`, { RETENTION_DAYS: '0' });
  const old = await finished(world, 40, 'acknowledged');
  await world.db.transaction().execute(async (tx) => {
    await sql`select count(*) from events`.execute(tx);
    const stop = new AbortController();
    const dropping = dropOldDays(world.db, { days: 30, signal: stop.signal });
    const waiting = sql`select from pg_locks where not granted and mode = 'AccessExclusiveLock'`;
    await waitFor(async () => (await waiting.execute(world.db)).rows.length > 0, {
      what: 'the drop to wait for its lock',
    });
    // An event that comes meanwhile waits no longer than the drop for its lock: the day is read until the end.
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

test('a version of an automation goes when no day is left that may have a run of it, and no open run is pinned to it', async () => {
  await using world = await startWorld(postgres);
  const { rewrite } = await world.startRewritable(`${vendorsYaml()}${SUMMARY}`, {
    ...{ RETENTION_DAYS: '0', AUTOMATIONS_RELOAD_MS: '50' },
  });
  await finished(world, 40, 'pending');
  await rewrite(`${vendorsYaml()}${SUMMARY.replace('name: summarize-post', 'name: other')}`);
  await waitFor(() => world.log.some((line) => line.includes('automations.changed')), { what: 'the change' });
  const lastInUse = (days: number) =>
    sql`update automation_versions set noted_at = now() - ${days}::int * interval '1 day' where automation = 'summarize-post'`.execute(
      world.db,
    );
  const pass = async () => {
    await dropOldDays(world.db, { days: 30 });
    return (await forgetOldRows(world.db, { days: 30 })).versions;
  };
  await lastInUse(20);
  assert.equal(await pass(), 0, 'younger than the retention');
  await lastInUse(39);
  assert.equal(await pass(), 0, 'a run of the kept day may have begun under it');
  await sql`delete from open_deliveries`.execute(world.db);
  await sql`
    insert into open_runs (filed_at, run_id, request_id, site_id, idempotency_key, automation, automation_version, vendor, due_at)
    select now(), gen_random_uuid(), gen_random_uuid(), 'site-a', gen_random_uuid(), automation, version, 'llm', 'infinity'
    from automation_versions where automation = 'summarize-post'`.execute(world.db);
  assert.equal(await pass(), 0, 'an open run is pinned to it');
  await sql`delete from open_runs`.execute(world.db);
  assert.equal((await forgetOldRows(world.db, { days: 30, dryRun: true })).versions, 1);
  assert.equal(await pass(), 1);
  const kept = await world.db.selectFrom('automation_versions').select('automation').execute();
  assert.ok(
    kept.some(({ automation }) => automation === 'other') &&
      !kept.some(({ automation }) => automation === 'summarize-post'),
  );
});

test('enricher keeps noting the versions in use, and forgets the others by itself', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`, { RETENTION_DAYS: '30', RETENTION_EVERY_MS: '200' });
  await world.result(await world.send(), 'summarize-post');
  await sql`insert into automation_versions (automation, version, definition) values ('former', 'v', '{}')`.execute(
    world.db,
  );
  await sql`update automation_versions set noted_at = now() - case automation when 'former' then 60 else 20 end * interval '1 day'`.execute(
    world.db,
  );
  const read = () =>
    sql<{ automation: string; is_noted: boolean }>`
      select automation, noted_at > now() - interval '1 minute' as is_noted from automation_versions`
      .execute(world.db)
      .then(({ rows }) => rows);
  await waitFor(async () => !(await read()).some(({ automation }) => automation === 'former'), { what: 'it to go' });
  await waitFor(
    async () => (await read()).some(({ automation, is_noted }) => automation === 'summarize-post' && is_noted),
    {
      what: 'the version in use to be noted',
    },
  );
});

test('an old reservation counts as spent in its periods; one that counts in the present period stays', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test' });
  const of = { scope: 'all' as const, name: '' };
  for (const period of ['day', 'month'] as const)
    await setBudget(db, { ...of, period, capMicros: 1_000, capTokens: null, onExhausted: 'hold' });
  /** Reserves now; then the clock is turned on by so many days, of the day only or of the month as well. */
  const reserve = async (micros: number, aged: { day: number; month: number }) => {
    const call = { reservationId: crypto.randomUUID(), runId: crypto.randomUUID(), of: [of], micros, tokens: 1 };
    assert.equal(await reserveSpend(db, call), null);
    await sql`update budget_periods set starts_on = starts_on - case period when 'day' then ${aged.day}::int else ${aged.month}::int end
      where reserved_micros = ${micros}`.execute(db);
    await sql`update spend_reservations set reserved_at = now() - ${aged.day}::int * interval '1 day',
      budgets = (select jsonb_agg(to_jsonb(moved)) from (
        select scope, name, period, starts_on from budget_periods where reserved_micros = ${micros}) moved)
      where micros = ${micros}`.execute(db);
  };
  const periods = async () =>
    (
      await sql<{ spent: number; reserved: number }>`
        select spent_micros::int as spent, reserved_micros::int as reserved from budget_periods order by spent_micros + reserved_micros, period`.execute(
        db,
      )
    ).rows;
  await reserve(5, { day: 100, month: 100 });
  await reserve(7, { day: 20, month: 60 });
  await reserve(11, { day: 90, month: 0 });
  const present = await readBudgets(db);
  const { reservations } = await forgetOldRows(db, { days: 30, dryRun: true });
  assert.equal(reservations, 1);
  assert.deepEqual(
    (await periods()).map(({ spent }) => spent),
    [0, 0, 0, 0, 0, 0],
  );

  assert.equal((await forgetOldRows(db, { days: 30 })).reservations, 1);
  assert.equal((await forgetOldRows(db, { days: 30 })).reservations, 0);
  assert.deepEqual(await periods(), [
    { spent: 5, reserved: 0 },
    { spent: 5, reserved: 0 },
    { spent: 0, reserved: 7 },
    { spent: 0, reserved: 7 },
    { spent: 0, reserved: 11 },
    { spent: 0, reserved: 11 },
  ]);
  assert.deepEqual(await readBudgets(db), present, 'the present period has more room, or less');
});

test('marks of erasure requests go with their events, enrolment tokens after they expired', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test' });
  await sql`with handled as (
      insert into erasure_requests (request_id, handled_at)
      select gen_random_uuid(), now() - age * interval '1 day' from unnest(array[10, 40, 50]) age returning *
    ) insert into event_keys (request_id, filed_at) select request_id, now() from handled where handled_at > now() - interval '45 days'`.execute(
    db,
  );
  await sql`insert into enrolment_tokens (token_hash, expires_at)
    select age::text, now() - age * interval '1 day' from unnest(array[-1, 10, 40]) age`.execute(db);
  const { erasureRequests, enrolmentTokens } = await forgetOldRows(db, { days: 30 });
  assert.deepEqual([erasureRequests, enrolmentTokens], [1, 1]);
});
