import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Budget, type Database, openDatabase, readBudgets, setBudget, stopSpending } from '@pressferry/database';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { reserveSpend } from '../src/db/spend.ts';
import { SUMMARY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const budget = (more: Partial<Budget>): Budget => ({
  ...{ scope: 'all', name: '', period: 'day', capMicros: null, capTokens: null, onExhausted: 'hold', ...more },
});
const ALL = [{ scope: 'all', name: '' }] as const;
const callOf = (tokens: number) => ({
  ...{ reservationId: randomUUID(), runId: randomUUID(), of: ALL, micros: 0, tokens },
});
const calls = (world: World): number => world.vendors.ledger({ endpoint: 'chat' }).calls;
/** At the least: a slow machine sends fewer. */
const SENT_EVERY_MS = 50;
const module = (path: string): string => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));

/** Sets the clock that statements of new connections see; `now()` is found in this schema before Postgres' own. */
async function moveClock(db: Database, databaseUrl: string): Promise<(to: string) => Promise<unknown>> {
  const name = new URL(databaseUrl).pathname.slice(1);
  await sql`create schema clock`.execute(db);
  await sql`create table clock.ahead as select interval '0' as by`.execute(db);
  await sql`create function clock.now() returns timestamptz stable language sql
    as 'select pg_catalog.now() + by from clock.ahead'`.execute(db);
  await sql`alter database ${sql.id(name)} set search_path = clock, pg_catalog, public`.execute(db);
  return (to) => sql`update clock.ahead set by = ${sql.raw(to)} - pg_catalog.now()`.execute(db);
}
const MIDNIGHT = `(date_trunc('day', pg_catalog.now() at time zone 'utc') + interval '1 day 1 second') at time zone 'utc'`;
const NEXT_MONTH = `(date_trunc('month', pg_catalog.now() at time zone 'utc') + interval '1 month 1 second') at time zone 'utc'`;

test('a budget of a day is whole again after midnight UTC, and one of a month with the month', async () => {
  await using database = await postgres.createDatabase();
  await using first = openDatabase({ url: database.url, applicationName: 'first' });
  const moveTo = await moveClock(first, database.url);
  await using db = openDatabase({ url: database.url, applicationName: 'second' });
  await setBudget(db, budget({ capTokens: 10 }));
  await setBudget(db, budget({ capTokens: 15, period: 'month' }));
  assert.equal(await reserveSpend(db, callOf(10)), null);
  assert.equal((await reserveSpend(db, callOf(1)))?.period, 'day');
  await moveTo(`${MIDNIGHT} - interval '2 seconds'`);
  assert.equal((await reserveSpend(db, callOf(1)))?.period, 'day');
  const { rows } = await sql<{
    isLastDay: boolean;
  }>`select ${sql.raw(MIDNIGHT)} >= ${sql.raw(NEXT_MONTH)} as "isLastDay"`.execute(db);
  await moveTo(MIDNIGHT);
  if (rows[0]?.isLastDay !== true) assert.equal((await reserveSpend(db, callOf(6)))?.period, 'month');
  assert.equal(await reserveSpend(db, callOf(5)), null);
  await moveTo(NEXT_MONTH);
  assert.equal(await reserveSpend(db, callOf(10)), null);
});

test('a step that an exhausted budget holds goes on by itself after midnight, with one call', async () => {
  await using world = await startWorld(postgres);
  const moveTo = await moveClock(world.db, world.databaseUrl);
  await setBudget(world.db, budget({ capTokens: 100_000 }));
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  await world.result(await world.send(), 'summarize-post');
  const settled = async () => (await readBudgets(world.db))[0]?.reservedTokens === 0;
  await waitFor(settled, { what: 'the settlement' });
  const [{ spentTokens = 0 } = {}] = await readBudgets(world.db);
  assert.ok(spentTokens > 0);
  // The day has no room for a call, and the next one for several.
  await sql`update budget_periods set spent_tokens = 99999`.execute(world.db);
  const request = await world.send();
  await waitFor(() => world.log.some((line) => line.includes('budget of all')), { what: 'the step to be held' });
  assert.equal(calls(world), 1);
  await moveTo(MIDNIGHT);
  assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  assert.equal(calls(world), 2);
});

test('64 calls of two processes at once against a cap of 10 reserve exactly 10', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test' });
  await setBudget(db, budget({ capTokens: 10 }));
  const code = `
    const { reserveSpend } = await import(${module('../src/db/spend.ts')});
    const { openDatabase } = await import(${module('../../../packages/database/src/index.ts')});
    const { once } = await import('node:events');
    const db = openDatabase({ url: ${JSON.stringify(database.url)}, applicationName: 'racing', poolSize: 16, connectTimeoutMs: 60_000 });
    const reserve = (tokens) => reserveSpend(db, { reservationId: crypto.randomUUID(), runId: crypto.randomUUID(),
      of: ${JSON.stringify(ALL)}, micros: 0, tokens });
    await reserve(0);
    process.stdout.write('ready\\n');
    await once(process.stdin, 'data');
    const refused = await Promise.all(Array.from({ length: 32 }, () => reserve(1)));
    process.stdout.write(String(refused.filter((by) => by === null).length));
    process.exit();
  `;
  const children = [0, 1].map(() =>
    spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  await Promise.all(children.map(({ stdout }) => once(stdout, 'readable')));
  const said = children.map(({ stdout }) => text(stdout));
  for (const { stdin } of children) stdin.write('go\n');
  const reserved = (await Promise.all(said)).map((output) => Number(output.replace('ready\n', '')));
  assert.equal((reserved[0] ?? 0) + (reserved[1] ?? 0), 10, String(reserved));
  assert.equal((await readBudgets(db))[0]?.reservedTokens, 10);
});

test('a stop is in force in two replicas within a second', async () => {
  await using world = await startWorld(postgres);
  const yaml = `${vendorsYaml()}${SUMMARY}`;
  const replicas = [await world.start(yaml), await world.start(yaml)];
  await Promise.all(
    (await Promise.all(replicas.map(() => world.send()))).map((sent) => world.result(sent, 'summarize-post')),
  );
  await stopSpending(world.db, { scope: 'vendor', name: 'llm' });
  let [sent, lastCalled] = [0, 0];
  // Each replica claims what it can get: forty held in a row are of both.
  while (sent - lastCalled < 40) {
    const before = calls(world);
    const heldLines = (): number => world.log.filter((line) => line.includes('spending is stopped')).length;
    const held = heldLines();
    await world.send();
    sent++;
    await waitFor(() => heldLines() > held || calls(world) > before, { what: 'a call or a hold', everyMs: 5 });
    if (calls(world) > before) lastCalled = sent;
    await delay(SENT_EVERY_MS);
  }
  assert.ok(lastCalled < 1_000 / SENT_EVERY_MS, `a call was begun for event ${lastCalled} after the stop`);
});

test('a cap that is lowered below the spending, or removed with calls in flight, makes no number wrong', async () => {
  await using world = await startWorld(postgres);
  await setBudget(world.db, budget({ capTokens: 100_000, period: 'month' }));
  world.vendors.setBehaviours({ chat: [{ latencyMs: 1_500 }] });
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const request = await world.send();
  await waitFor(async () => ((await readBudgets(world.db))[0]?.reservedTokens ?? 0) > 0, { what: 'the call' });
  await sql`delete from budgets`.execute(world.db);
  assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  await setBudget(world.db, budget({ capTokens: 1, period: 'month' }));
  await waitFor(async () => (await readBudgets(world.db))[0]?.reservedTokens === 0, { what: 'the settlement' });
  const [state] = await readBudgets(world.db);
  assert.ok((state?.spentTokens ?? 0) > 1, 'what was spent is forgotten with the budget');
  assert.deepEqual((await reserveSpend(world.db, callOf(0)))?.scope, 'all');
});
