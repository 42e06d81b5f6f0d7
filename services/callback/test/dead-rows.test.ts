import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Database, GENERIC_PLANS, openDatabase, type Schema } from '@pressferry/database';
import { openExplainedPool, openOldTransaction, pagesRead, type TestPostgres, waitFor } from '@pressferry/testing';
import { restrictedUrl } from '@pressferry/testing/faults';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { claimDeliveries, renewLeases } from '../src/db/claim.ts';
import { advanceDeliveries, holdDeliveries } from '../src/db/hold.ts';
import { readHorizon } from '../src/db/horizon.ts';
import { pollResults } from '../src/db/poll.ts';
import { recordAttempts } from '../src/db/record.ts';
import { sweepResults } from '../src/db/sweep.ts';
import { createHorizonAge } from '../src/loops/horizon-age.ts';
import { addDeliveries, BATCH, soon, type Waiting } from './waiting-deliveries.ts';
import { testPostgres } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const WORK: Record<string, (db: Database, waiting: readonly Waiting[]) => Promise<unknown>> = {
  claiming: async (db, waiting) => {
    const { rows } = await sql<{ floor: string }>`select min(due_at)::text as floor from open_deliveries
      where result_id = any(${waiting.map(({ resultId }) => resultId)}::uuid[])`.execute(db);
    const share = { siteId: siteOf(waiting), quota: BATCH, floor: rows[0]?.floor ?? '' };
    const { claims } = await claimDeliveries(db, [share], { owner: 'other', leaseMs: 60_000, takeOverUntil: soon() });
    assert.equal(claims.length, BATCH);
  },
  'renewing leases': async (db, waiting) => {
    const ids = waiting.map(({ resultId }) => resultId);
    assert.equal((await renewLeases(db, ids, { owner: 'test', leaseMs: 60_000 })).held.size, BATCH);
  },
  'recording attempts': async (db, waiting) => {
    const record = { owner: 'test', startedAtMs: 0, durationMs: 5, statusCode: 200, failureCode: null };
    const ended = { outcome: 'acknowledged', traceparent: null, next: { status: 'acknowledged' } } as const;
    const records = waiting.map(({ filedAt, resultId }) => ({ ...record, ...ended, filedAt, resultId }));
    assert.deepEqual(new Set(await recordAttempts(db, records)), new Set(['acknowledged']));
  },
  polling: async (db, waiting) => {
    const page = await pollResults(db, siteOf(waiting), { since: { xid: 0n, ordinal: 0n }, limit: BATCH });
    assert.equal(page.kind === 'page' ? page.polled : page.kind, BATCH);
  },
  sweeping: async (db) => assert.equal((await sweepResults(db, 0, async () => false)).made, 0),
  'holding deliveries': async (db, waiting) => assert.equal(await holdDeliveries(db, [siteOf(waiting)]), BATCH),
  'trying deliveries of a site early': async (db, waiting) => {
    await sql`update open_deliveries set due_at = now() + interval '1 h', failure_code = 'x', lease_owner = null
      where site_id = ${siteOf(waiting)}`.execute(db);
    assert.equal(await advanceDeliveries(db, siteOf(waiting), { codes: ['x'], spacingMs: 1 }), BATCH);
  },
};

const siteOf = (waiting: readonly Waiting[]): string => waiting[0]?.siteId ?? '';

for (const [name, work] of Object.entries(WORK))
  test(`${name} reads no more pages the more ended deliveries an old transaction keeps`, async () => {
    await using database = await postgres.createDatabase();
    await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 1, genericPlans: true });
    await using _old = await openOldTransaction(database.url);
    const measure = async (): Promise<number> => {
      const waiting = await addDeliveries(db);
      const pages = await pagesRead(
        (text) => sql.raw(text).execute(db),
        () => work(db, waiting),
      );
      await sql`delete from open_deliveries`.execute(db);
      return pages;
    };
    const after = async (ended: number): Promise<number> => {
      await sql`insert into open_deliveries (filed_at, result_id, run_id, request_id, site_id, completed_at)
        select now(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'other', now() from generate_series(1, ${ended}::integer)`.execute(
        db,
      );
      await sql`delete from open_deliveries`.execute(db);
      await sql`analyze`.execute(db);
      // For plans and catalogs.
      await measure();
      return measure();
    };
    const [few, many] = [await after(300), await after(5_700)];
    assert.ok(many < 3 * few, `${few} pages with 300 ended deliveries, ${many} with 6,000`);
  });

for (const name of ['claiming', 'renewing leases', 'recording attempts'])
  test(`${name} pairs no delivery of the batch with another, though the last analysis saw hardly one`, async () => {
    await using database = await postgres.createDatabase();
    const { pool, rowsRefused } = openExplainedPool(database.url, GENERIC_PLANS);
    await using db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
    await using _old = await openOldTransaction(database.url);
    for (let left = 10; left > 0; left--) await addDeliveries(db);
    await sql`delete from open_deliveries`.execute(db);
    await sql`analyze`.execute(db);
    const waiting = await addDeliveries(db);
    const refused = await rowsRefused(async () => WORK[name]?.(db, waiting));
    assert.ok(refused < 5 * BATCH, `${name} of ${BATCH} deliveries refused ${refused} rows`);
  });

test('a transaction that keeps dead rows is seen while it is open, also of a role whose sessions Postgres hides', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: await restrictedUrl(database.url), applicationName: 'test', poolSize: 1 });
  const age = createHorizonAge();
  let atMs = 0;
  const isKept = async (): Promise<boolean> => {
    await sql`select pg_current_xact_id()`.execute(db);
    atMs += 1_000;
    return age(await readHorizon(db), atMs) > 0;
  };
  assert.equal(await isKept(), false);
  const old = await openOldTransaction(database.url);
  await waitFor(isKept, { what: 'the transaction to be seen' });
  await old[Symbol.asyncDispose]();
  await waitFor(async () => !(await isKept()), { what: 'its end to be seen' });
});
