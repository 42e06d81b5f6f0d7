import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import {
  type DatabaseFault,
  noConnections,
  ownerOf,
  refuse,
  restrictedUrl,
  type Victim,
  victimOf,
  withoutTable,
} from '@pressferry/testing/faults';
import { sql } from 'kysely';
import { SUMMARY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const consumerOf = async ({ connection }: World) =>
  (await jetstreamManager(connection.nats)).consumers.info('EVENTS', 'enricher');

const deadLetterCount = async ({ connection }: World): Promise<number> =>
  (await (await jetstreamManager(connection.nats)).streams.info('DEADLETTERS')).state.messages;

/** Every event has its result, nothing was given up, no delivery was spent, and no vendor was called twice. */
async function assertWhole(world: World, requests: string[]): Promise<void> {
  for (const request of requests) assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  await waitFor(async () => (await consumerOf(world)).num_ack_pending === 0, { what: 'the acknowledgements' });
  const { delivered } = await consumerOf(world);
  assert.equal(delivered.consumer_seq, delivered.stream_seq, 'a message was delivered more than once');
  assert.equal(await deadLetterCount(world), 0);
  assert.equal(world.vendors.ledger().calls, requests.length);
}

const isHeld = (world: World): Promise<unknown> =>
  waitFor(() => world.log.some((line) => line.includes('"intake.held"')), { what: 'the intake to hold' });

/** Passes after so many tries of the same write. */
const HOLD_MS = 1_500;

/** What a database does that no event caused, in addition to what the conformance suite tries. */
const FAULTS: Record<string, (victim: Victim) => DatabaseFault> = {
  'a table is missing': () => withoutTable('open_runs'),
  'every row breaks a constraint, as when a partition is missing': () => refuse('events', { sqlState: '23514' }),
  'all connections are taken': noConnections,
};

for (const [name, faultOf] of Object.entries(FAULTS)) {
  test(`while ${name}, events wait, and all of them run afterwards`, async () => {
    await using world = await startWorld(postgres);
    const owner = ownerOf(world.databaseUrl);
    const fault = faultOf(victimOf(world.databaseUrl));
    await world.start(`${vendorsYaml()}${SUMMARY}`, { DATABASE_URL: await restrictedUrl(world.databaseUrl) });
    const requests = [await world.send()];
    await world.result(requests[0] ?? '', 'summarize-post');
    await owner.begin(fault);
    try {
      const begunAtMs = performance.now();
      for (let count = 0; count < 30; count++) requests.push(await world.send({ siteId: `site-${count % 5}` }));
      await isHeld(world).catch((error: unknown) => {
        // A fault that the probe sees first shuts the intake before it takes anything.
        if (!world.log.some((line) => line.includes('"up":false'))) throw error;
      });
      await waitFor(() => performance.now() - begunAtMs > HOLD_MS, { what: 'the fault to last' });
    } finally {
      await owner.end(fault);
    }
    await assertWhole(world, requests);
  });
}

test('while a lock is held on the events, they wait, and all of them run afterwards', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  const requests: string[] = [];
  await world.db.transaction().execute(async (tx) => {
    await sql`lock table events in access exclusive mode`.execute(tx);
    for (let count = 0; count < 20; count++) requests.push(await world.send());
    const waiting = sql`select from pg_locks where not granted and relation = 'events'::regclass`;
    await waitFor(async () => (await waiting.execute(world.db)).rows.length > 0, { what: 'the intake to wait' });
  });
  await assertWhole(world, requests);
});
