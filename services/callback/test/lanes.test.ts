import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Database, openDatabase } from '@pressferry/database';
import { waitFor } from '@pressferry/testing';
import { type RawBuilder, sql } from 'kysely';
import { claimQuery } from '../src/db/claim.ts';
import { findDueSites, sitesQuery } from '../src/db/find-due.ts';
import { startReceiver } from './receiver.ts';
import { createWorld, type World, waiting } from './world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

const BREAKER = { failures: 5 };

/** A transaction that keeps Postgres from removing rows which are finished from now on. */
async function openOld() {
  const db = openDatabase({ url: world.env.DATABASE_URL ?? '', applicationName: 'old', poolSize: 1 });
  const old = await db.startTransaction().execute();
  await sql`set local idle_in_transaction_session_timeout = 0`.execute(old);
  await sql`select pg_current_xact_id()`.execute(old);
  return {
    [Symbol.asyncDispose]: async () => {
      await old.rollback().execute();
      await db.destroy();
    },
  };
}

const LEFT: Record<string, RawBuilder<unknown>> = {
  'a delivery that another process brought': sql`due_at = now()`,
  'a delivery with an old due time': sql`due_at = now() - interval '1 hour'`,
  'a delivery with an old due time whose worker is gone': sql`due_at = now() - interval '1 hour', lease_owner = 'gone',
    lease_until = now()`,
};
for (const [name, change] of Object.entries(LEFT)) {
  test(`${name} is taken up, while an old transaction is open`, async () => {
    await using receiver = await startReceiver();
    const site = await world.site({ callbackUrl: receiver.url });
    receiver.secrets = [site.secret];
    await using _old = await openOld();
    await using _callback = await world.start({ LEASE_MS: '4000' });
    const { resultId } = await world.result(site);
    await waitFor(async () => (await world.status(resultId)) === 'acknowledged', { what: 'an earlier delivery' });
    const left = await world.result(site, { publish: false });
    await world.db.transaction().execute(async (tx) => {
      await tx.insertInto('open_deliveries').values(waiting(left)).execute();
      await sql`update open_deliveries set ${change} where result_id = ${left.resultId}`.execute(tx);
    });
    await waitFor(async () => (await world.status(left.resultId)) === 'acknowledged', { what: 'the delivery' });
  });
}

test('a delivery is taken up whose transaction commits long after later ones of its site are done', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  await using _callback = await world.start();
  const early = await world.result(site, { publish: false });
  await using db = openDatabase({ url: world.env.DATABASE_URL ?? '', applicationName: 'late', poolSize: 1 });
  const late = await db.startTransaction().execute();
  await late
    .insertInto('open_deliveries')
    .values({ ...waiting(early), due_at: sql`now() - interval '1 minute'` })
    .execute();
  for (let left = 3; left > 0; left--) {
    const { resultId } = await world.result(site);
    await waitFor(async () => (await world.status(resultId)) === 'acknowledged', { what: 'a later delivery' });
  }
  await late.commit().execute();
  await waitFor(async () => (await world.status(early.resultId)) === 'acknowledged', { what: 'the delivery' });
});

test('finished deliveries whose rows an old transaction keeps make neither a search from the floors nor a claim read more', async () => {
  await using _old = await openOld();
  await using db = openDatabase({
    url: world.env.DATABASE_URL ?? '',
    applicationName: 'test',
    poolSize: 1,
    genericPlans: true,
  });
  const pagesBehind = async (finished: number, secondsAgo: number) => {
    await seed(db, finished, secondsAgo);
    await sql`delete from open_deliveries where site_id like 'lane-%'`.execute(db);
    await seed(db, 400, secondsAgo - 30);
    await sql`analyze open_deliveries`.execute(db);
    const { look } = await findDueSites(db, BREAKER, { after: 'lane-', from: new Map() });
    const from = new Map([...look.floors].filter(([siteId]) => siteId.startsWith('lane-')));
    assert.equal(from.size, 4);
    const search = await pagesOf(db, sitesQuery(BREAKER, { after: 'lane-', from }).compile(db));
    const shares = [...from].map(([siteId, floor]) => ({ siteId, floor, quota: 4 }));
    const claim = await pagesOf(
      db,
      claimQuery(shares, { owner: 'test', leaseMs: 60_000, takeOverUntil: null }).compile(db),
    );
    return { search, claim };
  };
  const [few, many] = [await pagesBehind(1_000, 300), await pagesBehind(4_000, 200)];
  const walk = sql`select due_at from open_deliveries where status = 'pending' and site_id = 'lane-0' order by due_at limit 1`;
  const passed = await pagesOf(db, walk.compile(db));
  assert.ok(passed > 1_000, `nothing was in the way: ${passed} pages`);
  for (const kind of ['search', 'claim'] as const)
    assert.ok(
      many[kind] < 1.2 * few[kind],
      `${kind}: ${few[kind]} pages behind 1,000 finished, ${many[kind]} behind 5,400`,
    );
});

/** Due deliveries of four sites, in an order of their own: neighbours in the index are on different pages. */
async function seed(db: Database, count: number, secondsAgo: number): Promise<void> {
  await sql`insert into open_deliveries (filed_at, result_id, run_id, request_id, completed_at, site_id, due_at)
    select now(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now(), 'lane-' || number % 4,
      now() - ${secondsAgo}::integer * interval '1 s' + number * interval '1 ms'
    from generate_series(1, ${count}::integer) number order by random()`.execute(db);
}

/** The pages that a query reads; it is carried out. */
async function pagesOf(db: Database, query: { sql: string; parameters: readonly unknown[] }): Promise<number> {
  const explain = { ...sql``.compile(db), ...query, sql: `explain (analyze, buffers, format json) ${query.sql}` };
  const { rows } = await db.executeQuery<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(explain);
  const plan = rows[0]?.['QUERY PLAN'][0].Plan;
  return (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0);
}
