import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { SUMMARY, startWorld, testPostgres, vendorsYaml } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

test('a full EVENTS takes events again once enricher has taken what it holds, and nothing is removed before', async () => {
  await using world = await startWorld(postgres);
  const manager = await jetstreamManager(world.connection.nats);
  await manager.streams.update('EVENTS', { max_bytes: 40_000 });
  const sent: string[] = [];
  await assert.rejects(async () => {
    for (let count = 0; count < 200; count++) sent.push(await world.send());
  }, /was not stored: refused/);
  assert.equal((await manager.streams.info('EVENTS')).state.messages, sent.length);
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  await waitFor(async () => (await world.send().catch(() => null)) !== null, {
    what: 'room in EVENTS',
    timeoutMs: 20_000,
  });
  const results = await Promise.all(sent.map((request) => world.result(request, 'summarize-post')));
  assert.ok(results.every(({ status }) => status === 'succeeded'));
});

test('a consumer that is recreated begins where Postgres says: what is stored is not delivered again, what is not is', async () => {
  await using world = await startWorld(postgres);
  const manager = await jetstreamManager(world.connection.nats);
  const yaml = `${vendorsYaml()}${SUMMARY}`;
  const first = await world.start(yaml);
  const stored = [await world.send(), await world.send(), await world.send()];
  await Promise.all(stored.map((request) => world.result(request, 'summarize-post')));
  const isNoted = async () =>
    (await world.db.selectFrom('intake_positions').select('sequence').executeTakeFirst())?.sequence === '3';
  await waitFor(isNoted, { what: 'the position to be noted' });
  await first[Symbol.asyncDispose]();
  await manager.consumers.delete('EVENTS', 'enricher');
  const later = await world.send();
  world.log.length = 0;
  await world.start(yaml);
  await world.result(later, 'summarize-post');
  const taken = world.log.filter((line) => line.includes('"event.taken_in"'));
  assert.equal(taken.length, 1);
  assert.ok(taken[0]?.includes(later));
});

test('a stream that was recreated is read from its first message, whatever was noted of the former one', async () => {
  await using world = await startWorld(postgres);
  const manager = await jetstreamManager(world.connection.nats);
  await world.db
    .insertInto('intake_positions')
    .values({ stream: 'EVENTS', stream_created_at: '2020-01-01T00:00:00Z', sequence: 1_000 })
    .execute();
  await manager.consumers.delete('EVENTS', 'enricher');
  const request = await world.send();
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
});

test('a stream that was restored from an older copy is read from its first message', async () => {
  await using world = await startWorld(postgres);
  const manager = await jetstreamManager(world.connection.nats);
  const { created } = await manager.streams.info('EVENTS');
  await manager.consumers.delete('EVENTS', 'enricher');
  const request = await world.send();
  const noted = { stream: 'EVENTS', stream_created_at: created, updated_at: new Date(Date.now() - 60_000) };
  for (const sequence of [1_000, 1]) {
    await world.db.deleteFrom('intake_positions').execute();
    await world.db
      .insertInto('intake_positions')
      .values({ ...noted, sequence })
      .execute();
    const enricher = await world.start(`${vendorsYaml()}${SUMMARY}`);
    assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
    await enricher[Symbol.asyncDispose]();
    await manager.consumers.delete('EVENTS', 'enricher');
    await sql`truncate open_deliveries, results, step_attempts, past_steps, past_runs, events, event_keys`.execute(
      world.db,
    );
  }
});
