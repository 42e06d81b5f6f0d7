import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Database, GENERIC_PLANS, openDatabase, type Schema } from '@pressferry/database';
import { openExplainedPool, openOldTransaction, pagesRead, type TestPostgres } from '@pressferry/testing';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { type Claim, claimRuns } from '../src/db/claim-runs.ts';
import { renewLeases } from '../src/db/leases.ts';
import { unknownVendors } from '../src/db/queue.ts';
import { settleSteps } from '../src/db/settle-step.ts';
import { storeEvents } from '../src/db/store-events.ts';
import { newEvent, succeeded } from './journeys.ts';
import { testPostgres } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const BATCH = 32;
const LEASE = { owner: 'test', leaseMs: 60_000 };

test('settling reads no more pages the more finished runs an old transaction keeps', async () => {
  const { few, many } = await behindOldTransaction(async (db) => {
    const runIds = await storeBatch(db);
    return pagesOf(db, () => settleBatch(db, runIds));
  });
  assert.ok(many < 3 * few, `${few} pages with 300 finished runs, ${many} with 6,000`);
});

test('claiming reads no more pages the more finished runs an old transaction keeps', async () => {
  const { few, many } = await behindOldTransaction(async (db) => {
    await storeBatch(db);
    const claim = await givenBack(db);
    const pages = await pagesOf(db, async () => assert.equal((await claimRuns(db, claim)).length, BATCH));
    await sql`delete from open_steps`.execute(db);
    await sql`delete from open_runs`.execute(db);
    return pages;
  });
  assert.ok(many < 3 * few, `${few} pages with 300 finished runs, ${many} with 6,000`);
});

test('renewing leases reads no more pages the more finished runs an old transaction keeps', async () => {
  const { few, many } = await behindOldTransaction(async (db) => {
    const runs = (await storeBatch(db)).map((run_id) => ({ run_id, lease_owner: LEASE.owner }));
    const pages = await pagesOf(db, async () => {
      assert.equal((await renewLeases(db, runs, LEASE.leaseMs)).held.size, BATCH);
    });
    await settleBatch(
      db,
      runs.map(({ run_id }) => run_id),
    );
    return pages;
  });
  assert.ok(many < 3 * few, `${few} pages with 300 finished runs, ${many} with 6,000`);
});

test('claiming, renewing leases and ending runs pair no run of the batch with another, though the last analysis saw hardly one', async () => {
  await using database = await postgres.createDatabase();
  const { pool, rowsRefused } = openExplainedPool(database.url, GENERIC_PLANS);
  await using db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  await sql`insert into sites (site_id, issuer, audience) values ('site-a', 'https://site', 'pressferry')`.execute(db);
  await using _old = await openOldTransaction(database.url);
  await finishRuns(db, 300);
  await sql`analyze`.execute(db);
  const runIds = await storeBatch(db);
  const claim = await givenBack(db);
  const claiming = await rowsRefused(async () => assert.equal((await claimRuns(db, claim)).length, BATCH));
  assert.ok(claiming < 2 * BATCH, `claiming ${BATCH} runs refused ${claiming} rows`);
  await sql`update open_runs set lease_owner = ${LEASE.owner}`.execute(db);
  const runs = runIds.map((run_id) => ({ run_id, lease_owner: LEASE.owner }));
  const renewing = await rowsRefused(async () => {
    assert.equal((await renewLeases(db, runs, LEASE.leaseMs)).held.size, BATCH);
  });
  assert.ok(renewing < BATCH, `renewing ${BATCH} leases refused ${renewing} rows`);
  const settling = await rowsRefused(() => settleBatch(db, runIds));
  assert.ok(settling < 5 * BATCH, `settling ${BATCH} runs refused ${settling} rows`);
});

test('looking for unknown vendors reads no more pages the more finished runs an old transaction keeps', async () => {
  const known = ['crm', 'llm', 'own'];
  const { few, many } = await behindOldTransaction((db) =>
    pagesOf(db, async () => assert.deepEqual(await unknownVendors(db, known, 0), [])),
  );
  assert.ok(many < 3 * few, `${few} pages with 300 finished runs, ${many} with 6,000`);
});

test('unknown vendors are found before, between and behind the known ones', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 1, genericPlans: true });
  await sql`insert into sites (site_id, issuer, audience) values ('site-a', 'https://site', 'pressferry')`.execute(db);
  await sql`insert into open_runs (filed_at, run_id, request_id, site_id, idempotency_key, automation, vendor)
    select now(), gen_random_uuid(), gen_random_uuid(), 'site-a', gen_random_uuid(), 'a', vendor
    from unnest(array['a', 'crm', 'd', 'llm', 'z', 'z']) vendor`.execute(db);
  assert.deepEqual((await unknownVendors(db, ['llm', 'crm'], 0)).sort(), ['a', 'd', 'z']);
  assert.deepEqual((await unknownVendors(db, [], 0)).sort(), ['a', 'crm', 'd', 'llm', 'z']);
  assert.deepEqual(await unknownVendors(db, ['llm', 'crm'], 60_000), []);
});

const pagesOf = (db: Database, work: () => Promise<unknown>): Promise<number> =>
  pagesRead((text) => sql.raw(text).execute(db), work);

/** What `measure` says with few and with many dead rows, each time after an analysis that saw hardly a live one. */
async function behindOldTransaction(
  measure: (db: Database) => Promise<number>,
): Promise<{ few: number; many: number }> {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 1, genericPlans: true });
  await sql`insert into sites (site_id, issuer, audience) values ('site-a', 'https://site', 'pressferry')`.execute(db);
  await using _old = await openOldTransaction(database.url);
  const after = async (rows: number): Promise<number> => {
    await finishRuns(db, rows);
    await sql`analyze`.execute(db);
    // For plans and catalogs.
    await measure(db);
    return measure(db);
  };
  return { few: await after(300), many: await after(5_700) };
}

async function finishRuns(db: Database, count: number): Promise<void> {
  await sql`insert into open_runs (filed_at, run_id, request_id, site_id, idempotency_key, automation, vendor)
    select now(), gen_random_uuid(), gen_random_uuid(), 'site-a', gen_random_uuid(), 'a', 'llm' from generate_series(1, ${count}::integer)`.execute(
    db,
  );
  await sql`insert into open_steps (filed_at, run_id, position, name, type, vendor)
    select filed_at, run_id, 0, 'summary', 'llm', vendor from open_runs`.execute(db);
  await sql`delete from open_steps`.execute(db);
  await sql`delete from open_runs`.execute(db);
}

async function storeBatch(db: Database): Promise<string[]> {
  const events = Array.from({ length: BATCH }, () => newEvent('site-a'));
  const runIds = events.map(({ runs }) => runs[0]?.run_id ?? '');
  const { leased } = await storeEvents(db, events, { ...LEASE, runIds: new Set(runIds) });
  assert.equal(leased.size, BATCH);
  return runIds;
}

/** Gives the runs of a batch back; returns the claim that takes them. */
async function givenBack(db: Database): Promise<Claim> {
  const { rows } = await sql<{ floor: string }>`
    update open_runs set status = 'pending', lease_owner = null, lease_until = null returning due_at::text as floor`.execute(
    db,
  );
  const lanes = [{ siteId: 'site-a', floor: rows[0]?.floor ?? '', quota: BATCH }];
  return { vendor: 'llm', limit: BATCH, leaseMs: LEASE.leaseMs, lanes, takeOverUntil: null };
}

async function settleBatch(db: Database, runIds: readonly string[]): Promise<void> {
  const ours = await settleSteps(
    db,
    runIds.map((run_id) => ({
      run: { run_id, lease_owner: LEASE.owner, traceparent: null },
      settlement: succeeded(),
    })),
  );
  assert.ok(ours.every(Boolean));
}
