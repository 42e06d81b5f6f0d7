import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Database, openDatabase } from '@pressferry/database';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { type DatabaseFault, ownerOf, ROLE, restrictedUrl } from '@pressferry/testing/faults';
import { sql } from 'kysely';
import { claimQuery, claimRuns } from '../src/db/claim-runs.ts';
import { findLanes, lanesQuery } from '../src/db/find-lanes.ts';
import { storeEvents } from '../src/db/store-events.ts';
import { allLanes } from './all-lanes.ts';
import { newEvent } from './journeys.ts';
import { SUMMARY, startWorld, testPostgres, vendorsYaml } from './world.ts';

const CLAIM = { vendor: 'llm', limit: 32, leaseMs: 60_000, takeOverUntil: null };

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

test('two workers never hold the same run', async () => {
  await using world = await startWorld(postgres);
  const enricher = await world.start(`${vendorsYaml()}${SUMMARY}`);
  world.vendors.setBehaviours({ chat: [{ status: 500, times: 'always' }] });
  for (let count = 0; count < 10; count++) await world.send({ siteId: `site-${count}` });
  await waitFor(async () => (await world.db.selectFrom('runs').select('run_id').execute()).length === 10, {
    what: 'ten runs',
  });
  await enricher[Symbol.asyncDispose]();
  await world.db
    .updateTable('open_runs')
    .set({ due_at: new Date(0) })
    .where('status', 'in', ['pending', 'waiting'])
    .execute();
  const open = await world.db
    .selectFrom('runs')
    .select('run_id')
    .where('status', 'in', ['pending', 'waiting'])
    .execute();
  const claim = { ...CLAIM, limit: 6, lanes: await allLanes(world.db, 'llm', 4) };
  const claims = await Promise.all([
    claimRuns(world.db, claim),
    claimRuns(world.db, claim),
    claimRuns(world.db, claim),
  ]);
  const rest = await claimRuns(world.db, { ...claim, limit: 100 });
  const ids = [...claims.flat(), ...rest].map(({ run_id }) => run_id);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(ids.length, open.length);
});

test('of runs whose leases have ended, a claim takes over only until its time has come, and later none', async () => {
  await using world = await startWorld(postgres);
  const lease = { owner: 'gone', leaseMs: 0 };
  const events = ['site-a', 'site-b'].map((siteId) => newEvent(siteId));
  const runIds = new Set(events.flatMap(({ runs }) => runs.map(({ run_id }) => run_id)));
  await storeEvents(world.db, events, { ...lease, runIds });
  const lanes = await allLanes(world.db, 'llm', 4);
  const claim = (takeOverUntil: Date | null) => claimRuns(world.db, { ...CLAIM, lanes, takeOverUntil });
  assert.deepEqual(await claim(null), []);
  assert.deepEqual(await claim(new Date(Date.now() - 1_000)), []);
  const taken = await claim(new Date(Date.now() + 60_000));
  assert.deepEqual(new Set(taken.map(({ run_id }) => run_id)), runIds);
  assert.ok(taken.every(({ was_lost }) => was_lost));
});

test('a run is not lost when its event cannot be read right behind its claim: it goes on as soon as it can be', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ status: 500, times: 1 }] });
  const env = { DATABASE_URL: await restrictedUrl(world.databaseUrl), LEASE_MS: '120000' };
  const owner = ownerOf(world.databaseUrl);
  const unreadable: DatabaseFault = {
    begin: [`revoke select on events from ${ROLE}`],
    end: [`grant select on events to ${ROLE}`],
  };
  await world.start(`${vendorsYaml()}${SUMMARY}`, env);
  const statusIs = (status: string) =>
    waitFor(
      async () =>
        (await world.db.selectFrom('open_runs').select('status').executeTakeFirst())?.status === status || undefined,
      { what: `the run to be ${status}` },
    );
  // The first call needs no claim.
  await owner.begin(unreadable);
  const request = await world.send();
  await statusIs('waiting');
  await statusIs('running');
  await owner.end(unreadable);
  assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  assert.equal(world.vendors.ledger().calls, 2);
  const [step] = await world.db.selectFrom('past_steps').select('lost_count').execute();
  assert.equal(step?.lost_count, 0);
});

test('finished runs whose rows an old transaction keeps make neither a look from the floors nor a claim read more', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 1, genericPlans: true });
  await using other = openDatabase({ url: database.url, applicationName: 'old', poolSize: 1 });
  await seedSites(db, 4);
  const old = await other.startTransaction().execute();
  await sql`select pg_current_xact_id()`.execute(old);
  const pagesBehind = async (finished: number, secondsAgo: number) => {
    await seedRuns(db, { runs: finished, sites: 4, secondsAgo });
    await sql`delete from open_runs`.execute(db);
    await seedRuns(db, { runs: 400, sites: 4, secondsAgo: secondsAgo - 30 });
    await sql`analyze open_runs`.execute(db);
    const { floors } = await findLanes(db, 'llm');
    const look = await pagesOf(db, lanesQuery('llm', floors).compile(db));
    const lanes = [...floors].map(([siteId, floor]) => ({ siteId, floor, quota: 4 }));
    return { look, claim: await pagesOf(db, claimQuery({ ...CLAIM, lanes }).compile(db)) };
  };
  const [few, many] = [await pagesBehind(1_000, 300), await pagesBehind(4_000, 200)];
  const passed = await pagesOf(db, lanesQuery('llm', new Map()).compile(db));
  await old.rollback().execute();
  assert.ok(passed > 4_000, `nothing was in the way: ${passed} pages`);
  for (const kind of ['look', 'claim'] as const)
    assert.ok(
      many[kind] < 1.2 * few[kind],
      `${kind}: ${few[kind]} pages behind 1,000 finished runs, ${many[kind]} behind 5,400`,
    );
});

test('a look from the floors finds the lanes before, between and behind the known ones, and of these the rows above their floors', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 1, genericPlans: true });
  await seedSites(db, 9);
  await sql`update sites set status = 'paused' where site_id in ('site-4', 'site-5')`.execute(db);
  await sql`insert into open_runs (filed_at, run_id, request_id, site_id, idempotency_key, automation, vendor, due_at)
    select now(), gen_random_uuid(), gen_random_uuid(), 'site-' || site, gen_random_uuid(), 'a', vendor, now() - minutes * interval '1 minute'
    from (values (0, 5, 'llm'), (1, 9, 'llm'), (1, 3, 'llm'), (2, 5, 'llm'), (3, 9, 'llm'), (3, -1, 'llm'), (4, 5, 'llm'), (5, 5, 'llm'),
      (6, -5, 'llm'), (7, 5, 'crm'), (8, 5, 'llm')) as run (site, minutes, vendor)`.execute(db);
  const floor = new Date(Date.now() - 4 * 60_000).toISOString();
  const from = new Map(['site-1', 'site-3', 'site-4', 'site-7'].map((siteId) => [siteId, floor]));
  const { floors, idle, otherFloor } = await findLanes(db, 'llm', from);
  const minutes = (text: string): number => Math.round((Date.now() - Date.parse(text)) / 60_000);
  const found = Object.fromEntries([...floors].sort().map(([siteId, text]) => [siteId, minutes(text)]));
  assert.deepEqual(found, { 'site-0': 5, 'site-1': 3, 'site-2': 5, 'site-5': 5, 'site-8': 5 });
  assert.deepEqual([[...idle], minutes(otherFloor)], [['site-5'], 0]);
  const all = await findLanes(db, 'llm');
  assert.deepEqual([all.floors.size, [...all.idle].sort()], [7, ['site-4', 'site-5']]);
});

test('ten times as many open runs, all that there are, make a claim read hardly more', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'test', poolSize: 1, genericPlans: true });
  await seedSites(db, 40);
  const pagesWith = async (runs: number): Promise<number> => {
    await seedRuns(db, { runs, sites: 40, secondsAgo: 60 });
    await sql`analyze open_runs`.execute(db);
    const query = claimQuery({ ...CLAIM, lanes: await allLanes(db, 'llm', 4) }).compile(db);
    // A claim changes what the next one finds.
    await sql`begin`.execute(db);
    const pages = await pagesOf(db, query);
    await sql`rollback`.execute(db);
    return pages;
  };
  const [few, many] = [await pagesWith(2_000), await pagesWith(18_000)];
  assert.ok(many < 2 * few, `${few} pages of 2,000 open runs, ${many} of 20,000`);
});

async function seedSites(db: Database, sites: number): Promise<void> {
  await sql`insert into sites (site_id, issuer, audience)
    select 'site-' || n, 'https://site-' || n, 'pressferry' from generate_series(0, ${sites}::integer - 1) n`.execute(
    db,
  );
}

/** Due runs in an order of their own: neighbours in the index are on different pages. */
async function seedRuns(db: Database, { runs, sites, secondsAgo }: Record<'runs' | 'sites' | 'secondsAgo', number>) {
  await sql`insert into open_runs (filed_at, run_id, request_id, site_id, idempotency_key, automation, vendor, due_at)
    select now(), gen_random_uuid(), gen_random_uuid(), 'site-' || n % ${sites}::integer, gen_random_uuid(), 'a', 'llm',
      now() - ${secondsAgo}::integer * interval '1 s' + n * interval '1 ms'
    from generate_series(1, ${runs}::integer) n order by random()`.execute(db);
}

/** The pages that a query reads; it is carried out. */
async function pagesOf(db: Database, query: { sql: string; parameters: readonly unknown[] }): Promise<number> {
  const explain = { ...sql``.compile(db), ...query, sql: `explain (analyze, buffers, format json) ${query.sql}` };
  const { rows } = await db.executeQuery<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(explain);
  const plan = rows[0]?.['QUERY PLAN'][0].Plan;
  return (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0);
}
