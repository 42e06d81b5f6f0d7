import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { REPLAY_HEADER } from '@pressferry/contracts';
import { waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { startReceiver } from './receiver.ts';
import { createWorld, type TestResult, type World } from './world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

const until = (result: TestResult, status: string): Promise<unknown> =>
  waitFor(async () => (await world.status(result.resultId)) === status, {
    what: `the delivery to be ${status}`,
    timeoutMs: 30_000,
  });

test('a result whose message was lost gets its delivery anyway, however old it is', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  const lost = [await world.result(site, { publish: false }), await world.result(site, { publish: false })];
  await world.db
    .updateTable('results')
    .set({ commit_xid: '17', completed_at: new Date('2026-01-01') })
    .where('result_id', '=', lost[0]?.resultId ?? '')
    .execute();
  await sql`update delivery_sweep set place = '0'`.execute(world.db);
  await using _callback = await world.start({ SWEEP_AFTER_MS: '500' });
  for (const result of lost) await until(result, 'acknowledged');
  assert.equal(receiver.received.length, 2);
});

test('a dead delivery starts again only by a replay, once for each', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  receiver.behave = (_push, response) => response.writeHead(404).end('{}');
  const dead = await (async () => {
    await using _callback = await world.start({ RETRY_SCHEDULE_MS: '20' });
    const result = await world.result(site);
    await until(result, 'dead');
    return result;
  })();
  assert.equal(receiver.received.length, 2);

  // A consumer that was deleted is recreated and delivers every message again.
  const manager = await jetstreamManager(world.connection.nats);
  await manager.consumers.delete('RESULTS', 'callback');
  receiver.behave = (_push, _response, acknowledge) => acknowledge();
  await using _callback = await world.start();
  await until(await world.result(site), 'acknowledged');
  assert.equal(await world.status(dead.resultId), 'dead');

  const nonce = randomUUID();
  receiver.behave = (_push, response) => response.writeHead(404).end('{}');
  await world.publish(dead, { [REPLAY_HEADER]: nonce });
  await waitFor(() => receiver.received.length > 3, { what: 'the replay to be tried' });
  await until(dead, 'dead');
  const tries = receiver.received.length;
  receiver.behave = (_push, _response, acknowledge) => acknowledge();
  await world.publish(dead, { [REPLAY_HEADER]: nonce });
  await until(await world.result(site), 'acknowledged');
  assert.equal(await world.status(dead.resultId), 'dead', 'the same replay again');
  assert.equal(receiver.received.length, tries + 1);
  await world.publish(dead, { [REPLAY_HEADER]: randomUUID() });
  await until(dead, 'acknowledged');
});
