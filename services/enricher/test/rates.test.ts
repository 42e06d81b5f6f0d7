import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Database, openDatabase } from '@pressferry/database';
import { createLogger } from '@pressferry/runtime';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { completion, startVendor } from '../../../tests/reports/vendor.ts';
import { createRates, type Rates } from '../src/vendors/rates.ts';
import { SUMMARY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

interface Run {
  id: string;
}

/** A replica's limits over a window of a minute, unless told another. */
const replica = (db: Database, windowMs = 60_000): Rates<Run> =>
  createRates<Run>({
    ...{ db, leaseMs: 60_000, windowMs, logger: createLogger('test', 'silent') },
    ...{ onWait: () => undefined, onRoom: () => undefined },
  });
const vendor = (rate: Partial<NonNullable<Parameters<Rates<Run>['claim']>[0]['rate']>>) => ({
  ...{ name: 'llm', timeoutMs: 1_000 },
  rate: { requestsPerMinute: null, tokensPerMinute: null, concurrency: null, ...rate },
});
const { signal } = new AbortController();
const claimed = async (_: Database, limit: number): Promise<Run[]> =>
  Array.from({ length: limit }, () => ({ id: randomUUID() }));

async function counted(db: Database): Promise<{ requests: number; tokens: number; inFlight: number; permits: number }> {
  const { rows } = await sql<{ requests: number; tokens: number; inFlight: number; permits: number }>`
    select requests::int, tokens::int, in_flight::int as "inFlight", (select count(*) from vendor_permits)::int as permits
    from vendor_rates`.execute(db);
  assert.ok(rows[0] !== undefined);
  return rows[0];
}

test('two replicas that call as fast as they may pass no limit in any window, as a vendor counts that knows each call', async () => {
  await using database = await postgres.createDatabase();
  await using one = openDatabase({ url: database.url, applicationName: 'one' });
  await using two = openDatabase({ url: database.url, applicationName: 'two' });
  // A minute's figures: the window is a sixtieth of it, and so is what it may hold.
  const of = vendor({ requestsPerMinute: 30, tokensPerMinute: 2_000, concurrency: 4 });
  const calls: { atMs: number; tokens: number }[] = [];
  let [inFlight, most] = [0, 0];
  const replicas = [replica(one, 1_000), replica(two, 1_000)];
  await Promise.all(
    replicas.map(async (rates) => {
      const work: Promise<void>[] = [];
      // Four windows of them, if no token is short.
      while (calls.length < 120) {
        // Without the pace: here the window alone is to hold.
        await sql`update vendor_rates set next_at = now() - interval '1 hour'`.execute(one);
        const { runs } = await rates.claim(of, 50, claimed);
        for (const run of runs) work.push(call(rates, run));
        await delay(5);
      }
      await Promise.all(work);
    }),
  );
  async function call(rates: Rates<Run>, run: Run): Promise<void> {
    const tokens = 50 + Math.floor(Math.random() * 100);
    const begun = await rates.callsOf(run, of).begin(2 * tokens, signal);
    if (begun.kind === 'wait') return rates.giveBack(run);
    await delay(Math.random() * 20);
    calls.push({ atMs: performance.now(), tokens });
    most = Math.max(most, ++inFlight);
    await delay(Math.random() * 50);
    inFlight--;
    await begun.end(tokens);
  }
  assert.ok(most <= 4, `${most} at once`);
  for (const { atMs } of calls) {
    const within = calls.filter((other) => other.atMs >= atMs && other.atMs < atMs + 1_000);
    assert.ok(within.length <= 30, `${within.length} calls in a window`);
    assert.ok(within.reduce((sum, { tokens }) => sum + tokens, 0) <= 2_000);
  }
});

test('a call given back counts no more, one that ended for a window, and a lost one until it must have ended', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'one' });
  const rates = replica(db);
  const of = vendor({ requestsPerMinute: 60_000, tokensPerMinute: 60_000, concurrency: 3 });
  const { runs, allowed } = await rates.claim(of, 9, claimed);
  assert.deepEqual([runs.length, allowed], [3, 3]);
  const [first, second] = runs;
  assert.ok(first !== undefined && second !== undefined);
  await rates.giveBack(first);
  const begun = await rates.callsOf(second, of).begin(500, signal);
  assert.ok(begun.kind === 'begun');
  assert.deepEqual(await counted(db), { requests: 2, tokens: 500, inFlight: 2, permits: 2 });
  await begun.end(120);
  assert.deepEqual(await counted(db), { requests: 2, tokens: 120, inFlight: 1, permits: 2 });
  const after = async (seconds: number) => {
    await sql`update vendor_permits set counts_until = counts_until - ${seconds} * interval '1 second'`.execute(db);
    await rates.claim(of, 1, async () => []);
    return counted(db);
  };
  // The third's process is gone: after its lease and its time-out it is in flight no more, and after a window it counts no more.
  assert.deepEqual(await after(10), { requests: 2, tokens: 120, inFlight: 1, permits: 2 });
  assert.deepEqual(await after(52), { requests: 1, tokens: 0, inFlight: 0, permits: 1 });
  assert.deepEqual(await after(60), { requests: 0, tokens: 0, inFlight: 0, permits: 0 });
});

test('a call whose tokens do not fit waits for them, and the others with it', async () => {
  await using database = await postgres.createDatabase();
  await using db = openDatabase({ url: database.url, applicationName: 'one' });
  const rates = replica(db);
  const of = vendor({ tokensPerMinute: 60_000 });
  const [first, second] = (await rates.claim(of, 2, claimed)).runs;
  assert.ok(first !== undefined && second !== undefined);
  const begun = await rates.callsOf(first, of).begin(40_000, signal);
  assert.ok(begun.kind === 'begun');
  const waits = await rates.callsOf(second, of).begin(30_000, signal);
  assert.ok(waits.kind === 'wait' && waits.outcome.kind === 'parked');
  assert.equal(waits.outcome.code, 'rate_limited');
  await rates.giveBack(second);
  assert.equal((await rates.claim(of, 1, claimed)).allowed, 0);
});

async function inOrder(world: World, yaml: string, calls: { body: string }[]) {
  const { opsUrl } = await world.start(yaml);
  await Promise.all(
    Array.from({ length: 60 }, () => world.send({ siteId: 'noisy', data: { title: 'n', content: 'noisy' } })),
  );
  await waitFor(() => calls.length >= 2, { what: 'the first calls' });
  const stored = () => world.db.selectFrom('runs').select('run_id').execute();
  await waitFor(async () => (await stored()).length === 60, { what: 'the backlog' });
  const request = await world.send({ siteId: 'quiet', data: { title: 'q', content: 'quiet' } });
  await waitFor(async () => (await stored()).length === 61, { what: 'the single event' });
  const metrics = await (await fetch(`${opsUrl}/metrics`)).text();
  assert.match(metrics, /vendor_rate_used_ratio\{vendor="llm",limit="requests"\} 0\.\d/);
  assert.match(metrics, /rate_waits_total\{limit="requests"\} [1-9]/);
  const before = calls.length;
  assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  return calls.slice(before).findIndex(({ body }) => body.includes('quiet'));
}

test('under a limit sites take turns: the single event of one goes before the backlog of another', async () => {
  await using vendor = await startVendor(() => ({ body: completion('Fine.') }));
  await using world = await startWorld(postgres);
  const yaml = `${vendorsYaml('rate: { requests_per_minute: 60 }')}${SUMMARY}`.replaceAll(
    'base_url_env: LLM_BASE_URL',
    `base_url: ${vendor.url}/v1`,
  );
  const position = await inOrder(world, yaml, vendor.calls);
  // Those that were claimed together before it was stored go first: on a slow machine some more than two of more than fifty.
  assert.ok(position >= 0 && position <= 10, `it was number ${position + 1}`);
  // Who waits is not claimed: nothing is tried.
  const attempts = await world.db.selectFrom('step_attempts').select('run_id').execute();
  assert.deepEqual(attempts, []);
  const waiting = await world.db.selectFrom('runs').select('status').where('status', '<>', 'succeeded').execute();
  assert.ok(waiting.length > 30);
  assert.ok(waiting.filter(({ status }) => status === 'running').length <= 2);
});
