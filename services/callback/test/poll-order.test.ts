import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { ResultsPage } from '@pressferry/contracts';
import { openDatabase } from '@pressferry/database';
import { waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { measureHeldBack } from '../src/db/poll.ts';
import { encodeCursor } from '../src/routes/cursor.ts';
import { createWorld, type TestSite, type World } from './world.ts';

let world: World;
let callback: Awaited<ReturnType<World['start']>>;
before(async () => {
  world = await createWorld();
  callback = await world.start({ RATE_LIMIT_SITE_BURST: '1000' });
});
after(async () => {
  await callback[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const get = (path: string, token: string): Promise<Response> =>
  fetch(`${callback.apiUrl}${path}`, { headers: { authorization: `Bearer ${token}` } });

/** Waits until callback knows the site: a test registers it a moment before. */
async function registered(): Promise<TestSite> {
  const site = await world.site();
  const known = async (): Promise<boolean> => (await get('/results/x', world.token(site))).status !== 401;
  await waitFor(known, { what: 'callback to read the site' });
  return site;
}

async function poll(site: TestSite, query = ''): Promise<ResultsPage> {
  const response = await get(`/results${query}`, world.token(site));
  assert.equal(response.status, 200);
  return (await response.json()) as ResultsPage;
}

const idsIn = ({ results }: ResultsPage): string[] => results.map(({ result_id }) => result_id);

test('a cursor never passes by a result that commits late', async () => {
  const site = await registered();
  await using lateDb = openDatabase({ url: world.env.DATABASE_URL ?? '', applicationName: 'late', poolSize: 1 });
  const before = await world.result(site, { publish: false });
  const early = await poll(site);
  assert.deepEqual(idsIn(early), [before.resultId]);

  // The late transaction takes its place in the order first, and commits last.
  const { late, quick, during } = await lateDb.transaction().execute(async (tx) => {
    const late = await world.result(site, { publish: false, db: tx });
    const quick = await world.result(site, { publish: false });
    const during = await poll(site, `?since=${early.cursor}`);
    return { late, quick, during };
  });
  assert.deepEqual(idsIn(during), [], 'what committed after a transaction that still runs is not shown yet');
  const afterwards = await poll(site, `?since=${during.cursor}`);
  assert.deepEqual(idsIn(afterwards), [late.resultId, quick.resultId]);
});

test('the same holds for a statement that writes the result among other things, as the settling of a step does', async () => {
  const site = await registered();
  await using lateDb = openDatabase({ url: world.env.DATABASE_URL ?? '', applicationName: 'late', poolSize: 1 });
  const model = await world.result(site, { publish: false });
  const { cursor } = await poll(site);
  const late = randomUUID();
  const during = await lateDb.transaction().execute(async (tx) => {
    await sql`with run as (
        insert into past_runs (filed_at, run_id, request_id, site_id, idempotency_key, automation, status)
        select filed_at, ${late}::uuid, request_id, site_id, idempotency_key, 'late', 'succeeded' from past_runs where run_id = ${model.runId}
        returning *
      ), result as (
        insert into results (filed_at, result_id, run_id, request_id, site_id, sealed_body, completed_at)
        select filed_at, ${late}::uuid, run_id, request_id, site_id,
          (select sealed_body from results where result_id = ${model.resultId}), now() from run
      ) select`.execute(tx);
    const quick = await world.result(site, { publish: false });
    assert.deepEqual(idsIn(await poll(site, `?since=${cursor}`)), []);
    return quick;
  });
  const { rows } = await sql<{ result_id: string }>`
    select result_id from results where site_id = ${site.siteId} and commit_xid <= last_settled_place()::text::xid8
    order by commit_xid`.execute(world.db);
  assert.deepEqual(
    rows.map(({ result_id }) => result_id),
    [model.resultId, late, during.resultId],
  );
});

test('a transaction of someone else holds no poll back, however long it is open and whatever it writes', async () => {
  const site = await registered();
  const url = new URL(world.env.DATABASE_URL ?? '');
  await using here = openDatabase({ url: url.href, applicationName: 'migration', poolSize: 1 });
  url.pathname = '/postgres';
  await using elsewhere = openDatabase({ url: url.href, applicationName: 'another database', poolSize: 1 });
  await here.transaction().execute(async (tx) => {
    await sql`create table of_somebody_else (id integer)`.execute(tx);
    await elsewhere.transaction().execute(async (other) => {
      await sql`select pg_current_xact_id()`.execute(other);
      const result = await world.result(site, { publish: false });
      assert.deepEqual(idsIn(await poll(site)), [result.resultId]);
    });
  });
});

test('polls next to many writers see every result exactly once', async () => {
  const site = await registered();
  const written: string[] = [];
  let isWriting = true;
  const write = async (): Promise<void> => {
    await using db = openDatabase({ url: world.env.DATABASE_URL ?? '', applicationName: 'writer', poolSize: 1 });
    for (let times = 0; times < 15; times++) {
      await db.transaction().execute(async (tx) => {
        const { resultId } = await world.result(site, { publish: false, db: tx });
        written.push(resultId);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 15));
      });
    }
  };
  const writing = Promise.all(Array.from({ length: 6 }, write)).finally(() => {
    isWriting = false;
  });
  const seen: string[] = [];
  let cursor = encodeCursor({ xid: 0n, ordinal: 0n });
  for (let last = false; !last; ) {
    last = !isWriting;
    const page = await poll(site, `?since=${cursor}&limit=7`);
    seen.push(...idsIn(page));
    last = last && !page.has_more;
    cursor = page.cursor;
  }
  await writing;
  assert.equal(seen.length, 90);
  assert.deepEqual([...seen].sort(), [...written].sort());
});

test('how long an open writer of results holds polls back is told', async () => {
  const site = await registered();
  await using lateDb = openDatabase({ url: world.env.DATABASE_URL ?? '', applicationName: 'late', poolSize: 1 });
  await waitFor(async () => (await measureHeldBack(world.db)) === 0, { what: 'no writer' });
  await lateDb.transaction().execute(async (tx) => {
    await world.result(site, { publish: false, db: tx });
    assert.ok((await measureHeldBack(world.db)) > 0);
  });
});
