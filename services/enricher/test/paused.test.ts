import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { claimQuery, claimRuns } from '../src/db/claim-runs.ts';
import { FORM, LEAD, SUMMARY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const stored = (world: World, request: string): Promise<unknown> =>
  waitFor(() => world.db.selectFrom('runs').select('run_id').where('request_id', '=', request).executeTakeFirst(), {
    what: 'the run to be stored',
  });

const pendingMessages = async (world: World): Promise<number> => {
  const info = await world.connection.nats.request('$JS.API.CONSUMER.INFO.EVENTS.enricher');
  const { num_pending, num_ack_pending } = info.json<{ num_pending: number; num_ack_pending: number }>();
  return num_pending + num_ack_pending;
};

for (const status of ['paused', 'disabled'] as const) {
  test(`the events of a ${status} site leave the stream and call no vendor; once it is active, each has one effect`, async () => {
    await using world = await startWorld(postgres);
    await world.setSites(status, 'site-a');
    await world.start(`${vendorsYaml()}${SUMMARY}`);
    await world.start(`${vendorsYaml()}${SUMMARY}`);
    const held: string[] = [];
    for (let count = 0; count < 20; count++) held.push(await world.send({ siteId: 'site-a' }));
    for (const request of held) await stored(world, request);
    await waitFor(async () => (await pendingMessages(world)) === 0, { what: 'the stream to be taken in' });
    // Sent after them, so the workers have looked since then.
    const other = await world.send({ siteId: 'site-b' });
    await world.result(other, 'summarize-post');
    assert.equal(world.vendors.ledger().calls, 1);

    await world.setSites('active', 'site-a');
    for (const request of held) assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
    assert.equal(world.vendors.ledger().calls, 21);
    assert.equal(world.vendors.ledger().keysWithRepeatedEffects, 0);
  });
}

test('at its default settings a worker notices within two seconds that a site is active again', async () => {
  await using world = await startWorld(postgres);
  await world.setSites('paused', 'site-a');
  await world.start(`${vendorsYaml()}${SUMMARY}`, { WORKER_POLL_MS: '1000' });
  const held = await world.send({ siteId: 'site-a' });
  await stored(world, held);
  await world.setSites('active', 'site-a');
  const isCalled = async (): Promise<boolean> => {
    // A pause of Postgres lengthens the asking too.
    await sql`select`.execute(world.db);
    return world.vendors.ledger().calls === 1;
  };
  await waitFor(isCalled, { what: 'the call', everyMs: 100, most: 20 });
});

test('a site that is paused in the middle of a run gets its step finished and no further one begun', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ latencyMs: 300 }] });
  await world.start(`${vendorsYaml()}${LEAD}`);
  const request = await world.send({ ...FORM, siteId: 'site-a' });
  await waitFor(() => world.db.selectFrom('runs').select('run_id').where('status', '=', 'running').executeTakeFirst(), {
    what: 'the first step to be in flight',
  });
  await world.setSites('paused', 'site-a');
  await waitFor(
    () => world.db.selectFrom('steps').select('name').where('status', '=', 'succeeded').executeTakeFirst(),
    { what: 'the first step to finish' },
  );
  const other = await world.send({ ...FORM, siteId: 'site-b' });
  await world.result(other, 'lead-to-crm');
  assert.equal(world.vendors.ledger({ endpoint: 'contacts' }).calls, 1);

  await world.setSites('active', 'site-a');
  assert.equal((await world.result(request, 'lead-to-crm')).status, 'succeeded');
  assert.equal(world.vendors.ledger({ endpoint: 'chat' }).calls, 2);
  assert.equal(world.vendors.ledger({ endpoint: 'contacts' }).calls, 2);
});

test('a deleted site calls no vendor any more', async () => {
  await using world = await startWorld(postgres);
  await world.db.deleteFrom('sites').where('site_id', '=', 'site-a').execute();
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  await stored(world, await world.send({ siteId: 'site-a' }));
  await world.result(await world.send({ siteId: 'site-b' }), 'summarize-post');
  assert.equal(world.vendors.ledger().calls, 1);
});

const HELD = 5_000;

test('5,000 held runs of a paused site are counted, and do not delay the run of another site', async () => {
  await using world = await startWorld(postgres);
  await seed(world, { site: 'noisy', runs: HELD });
  await world.setSites('paused', 'noisy');
  const enrichers = [await world.start(`${vendorsYaml()}${SUMMARY}`), await world.start(`${vendorsYaml()}${SUMMARY}`)];
  await world.result(await world.send({ siteId: 'quiet' }), 'summarize-post');
  const started = await world.db.selectFrom('runs').select('site_id').where('started_at', 'is not', null).execute();
  assert.deepEqual(started, [{ site_id: 'quiet' }]);
  for (const { opsUrl } of enrichers)
    await waitFor(async () => (await metricsOf(opsUrl)).includes(`held_runs{site_status="paused"} ${HELD}`), {
      what: 'the gauge of held runs',
    });
  const metrics = await metricsOf(enrichers[0]?.opsUrl ?? '');
  assert.ok(metrics.includes('pressferry_enricher_due_runs 0'));
  assert.ok(metrics.includes('pressferry_enricher_held_runs{site_status="disabled"} 0'));
});

for (const statistics of ['without', 'with'] as const) {
  test(`a claim reads and locks nothing of the held runs before it, ${statistics} statistics`, async () => {
    await using world = await startWorld(postgres);
    await seed(world, { site: 'noisy', runs: HELD });
    await seed(world, { site: 'quiet', runs: 1 });
    await world.setSites('paused', 'noisy');
    if (statistics === 'with') await sql`analyze`.execute(world.db);
    const lanes = ['noisy', 'quiet'].map((siteId) => ({ siteId, floor: '-infinity', quota: 4 }));
    const claim = { vendor: 'llm', limit: 10, leaseMs: 60_000, lanes, takeOverUntil: null };
    const plan = await explain(world, claimQuery(claim));
    const onRuns = plan.filter((node) => node['Relation Name'] === 'open_runs');
    const most = Math.max(...onRuns.map((node) => node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)));
    assert.ok(most <= 1, `a node of the plan read ${most} runs`);
    assert.ok(onRuns.length > 0 && onRuns.every((node) => node['Node Type'] !== 'Seq Scan'));
    const locked = plan.filter((node) => node['Node Type'] === 'LockRows');
    assert.deepEqual(
      locked.map((node) => [node['Actual Loops'], node['Actual Rows']]),
      [[1, 1]],
    );
    assert.deepEqual(
      (await claimRuns(world.db, claim)).map(({ site_id }) => site_id),
      [],
      'the explained claim was carried out and has taken the one run',
    );
  });
}

const metricsOf = async (opsUrl: string): Promise<string> => (await fetch(`${opsUrl}/metrics`)).text();

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

/** Carries a statement out and returns the nodes of its plan. */
async function explain(world: World, query: ReturnType<typeof claimQuery>): Promise<PlanNode[]> {
  const { rows } = await sql<{ 'QUERY PLAN': { Plan: PlanNode }[] }>`explain (analyze, format json) ${query}`.execute(
    world.db,
  );
  const nodes = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodes)];
  return rows.flatMap((row) => row['QUERY PLAN'].flatMap(({ Plan }) => nodes(Plan)));
}

/** Stores events of a site with a due run each, as intake does. */
async function seed({ db }: World, { site, runs }: { site: string; runs: number }): Promise<void> {
  await sql`
    with event as (
      insert into events (filed_at, request_id, site_id, idempotency_key, event_type, object_ref, occurred_at, received_at, mode,
        fingerprint, sealed_body)
      select date_trunc('milliseconds', now()), gen_random_uuid(), ${site}, gen_random_uuid(), 'post.published', '1', now(), now(), 'live', 'none', 'none'
      from generate_series(1, ${runs}::integer)
      returning *
    ), run as (
      insert into open_runs (filed_at, run_id, request_id, site_id, idempotency_key, automation, vendor)
      select filed_at, gen_random_uuid(), request_id, site_id, idempotency_key, 'summarize-post', 'llm' from event
      returning filed_at, run_id
    )
    insert into open_steps (filed_at, run_id, position, name, type, vendor) select filed_at, run_id, 0, 'summary', 'llm', 'llm' from run
  `.execute(db);
}
