import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { type TestPostgres, waitFor } from '@pressferry/testing';
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
