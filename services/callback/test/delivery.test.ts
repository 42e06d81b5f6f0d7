import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitFor } from '@pressferry/testing';
import { startReceiver } from './receiver.ts';
import { createWorld, type World } from './world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

test('a result is pushed, and acknowledged once WordPress has stored it', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  await using _callback = await world.start();
  const result = await world.result(site);
  await waitFor(async () => (await world.status(result.resultId)) === 'acknowledged', { what: 'the acknowledgement' });
  assert.equal(receiver.received.length, 1);
  assert.deepEqual([...receiver.stored], [result.resultId]);
});
