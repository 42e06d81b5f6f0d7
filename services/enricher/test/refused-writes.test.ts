import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { databaseOf, refuse, restrictedUrl, STORAGE_FAULTS, terminateOthers } from './storage-faults.ts';
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

for (const fault of STORAGE_FAULTS) {
  test(`while ${fault.name}, events wait, and all of them run afterwards`, async () => {
    await using world = await startWorld(postgres);
    const url = await restrictedUrl(world);
    await world.start(`${vendorsYaml()}${SUMMARY}`, { DATABASE_URL: url });
    const requests = [await world.send()];
    await world.result(requests[0] ?? '', 'summarize-post');
    await fault.begin(world.db, databaseOf(world));
    try {
      const begunAtMs = performance.now();
      for (let count = 0; count < 30; count++) requests.push(await world.send({ siteId: `site-${count % 5}` }));
      await isHeld(world).catch((error: unknown) => {
        // A fault that the probe sees first shuts the intake before it takes anything.
        if (!world.log.some((line) => line.includes('"up":false'))) throw error;
      });
      await waitFor(() => performance.now() - begunAtMs > HOLD_MS, { what: 'the fault to last' });
    } finally {
      await fault.end(world.db, databaseOf(world));
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

test('although its connections are ended all the time, every event runs', async () => {
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${SUMMARY}`, { DATABASE_URL: await restrictedUrl(world) });
  const requests: string[] = [];
  for (let round = 0; round < 20; round++) {
    for (let count = 0; count < 5; count++) requests.push(await world.send({ siteId: `site-${count}` }));
    await terminateOthers(databaseOf(world)).execute(world.db);
  }
  for (const request of requests) assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  assert.equal(await deadLetterCount(world), 0);
  assert.equal(world.vendors.ledger().calls, requests.length);
});

test('a stop gives back what the database does not take, and the next process stores it', async () => {
  await using world = await startWorld(postgres);
  const fault = refuse('events', '53100');
  await fault.begin(world.db, databaseOf(world));
  const first = await world.start(`${vendorsYaml()}${SUMMARY}`, { SHUTDOWN_GRACE_MS: '2100' });
  const requests = [await world.send(), await world.send()];
  await isHeld(world);
  await first[Symbol.asyncDispose]();
  await fault.end(world.db, databaseOf(world));
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  for (const request of requests) assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  assert.equal(await deadLetterCount(world), 0);
});
