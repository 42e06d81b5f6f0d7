import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { requestId, runId } from '@pressferry/contracts';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import {
  type DatabaseFault,
  ownerOf,
  refuse,
  restrictedUrl,
  type Victim,
  victimOf,
  withoutColumn,
  withoutPrivilege,
} from '@pressferry/testing/faults';
import { SUMMARY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

/** Long enough for a busy machine to renew it in time. */
const LEASE_MS = 3_000;
/** From when on no lease is left of those that were not renewed. */
const PAST_LEASES_MS = 1.2 * LEASE_MS;
/** A call that is still in flight then. */
const CALL_MS = 2 * LEASE_MS;
const LEASE = { LEASE_MS: String(LEASE_MS) };

/** What keeps an outcome from being stored while events are still taken in. */
const FAULTS: Record<string, (victim: Victim) => DatabaseFault> = {
  'the privilege to write results is missing': (victim) => withoutPrivilege('results', victim),
  'a column of results is missing': () => withoutColumn('results', 'sealed_body'),
  'there is no room for results': () => refuse('results', { sqlState: '53100' }),
  'every result breaks a constraint': () => refuse('results', { sqlState: '23514' }),
};

const isHeld = (world: World): Promise<unknown> =>
  waitFor(() => world.log.some((line) => line.includes('"step.settle_held"')), { what: 'a settlement to be held' });

const allRunning = (world: World, count: number): Promise<unknown> =>
  waitFor(
    async () =>
      (await world.db.selectFrom('runs').select('run_id').where('status', '=', 'running').execute()).length === count,
    { what: 'all runs to be in flight' },
  );

for (const [name, faultOf] of Object.entries(FAULTS)) {
  test(`while ${name}, answers are kept beyond their leases, and no vendor is asked twice`, async () => {
    await using world = await startWorld(postgres);
    const owner = ownerOf(world.databaseUrl);
    const fault = faultOf(victimOf(world.databaseUrl));
    const env = { DATABASE_URL: await restrictedUrl(world.databaseUrl), ...LEASE };
    // The second one would take over what the first one lost.
    for (let count = 0; count < 2; count++) await world.start(`${vendorsYaml()}${SUMMARY}`, env);
    await owner.begin(fault);
    const requests: string[] = [];
    try {
      for (let count = 0; count < 6; count++) requests.push(await world.send({ siteId: `site-${count}` }));
      await isHeld(world);
      const begunAtMs = performance.now();
      await waitFor(() => performance.now() - begunAtMs > PAST_LEASES_MS, { what: 'the leases to pass' });
    } finally {
      await owner.end(fault);
    }
    for (const request of requests) assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
    assert.equal(world.vendors.ledger().calls, requests.length);
  });
}

test('an answer that alone cannot be stored fails its step, once, and its neighbours succeed', async () => {
  await using world = await startWorld(postgres);
  // What a database may refuse of an answer: here whatever is stored as one, for one site.
  const key = randomUUID();
  const run = runId(requestId('noisy', key), 'summarize-post');
  const answer = `new.sealed_output is not null and new.run_id = '${run}'`;
  await ownerOf(world.databaseUrl).begin(refuse('past_steps', { sqlState: '22021', condition: answer }));
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const poison = await world.send({ siteId: 'noisy', key });
  const other = await world.send();
  assert.deepEqual((await world.result(poison, 'summarize-post')).error, { code: 'internal_error', step: 'summary' });
  assert.equal((await world.result(other, 'summarize-post')).status, 'succeeded');
  assert.equal(world.vendors.ledger().calls, 2);
});

test('after an outage that outlasts the lease, the worker that lived keeps its run: no one takes it over', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ latencyMs: CALL_MS, times: 'always' }] });
  for (let count = 0; count < 3; count++) await world.start(`${vendorsYaml()}${SUMMARY}`, LEASE);
  const requests: string[] = [];
  for (let count = 0; count < 6; count++) requests.push(await world.send({ siteId: `site-${count}` }));
  await allRunning(world, 6);
  await postgres.server.kill();
  const begunAtMs = performance.now();
  await waitFor(() => performance.now() - begunAtMs > PAST_LEASES_MS, { what: 'the leases to pass' });
  await postgres.server.restart();
  for (const request of requests) assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  assert.equal(world.vendors.ledger().calls, 6);
});
