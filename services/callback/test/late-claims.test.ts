import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startPostgresNetwork, waitFor } from '@pressferry/testing';
import { startReceiver } from './receiver.ts';
import { createWorld } from './world.ts';

test('a claim whose answer came after the end of its lease pushes nothing, because another worker may have', async () => {
  await using world = await createWorld();
  await using network = await startPostgresNetwork(world.env.DATABASE_URL ?? '');
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  const isDelivered = ({ resultId }: { resultId: string }) =>
    waitFor(async () => (await world.status(resultId)) === 'acknowledged', { what: 'the delivery' });
  await using late = await world.start({ LEASE_MS: '1000', DATABASE_URL: network.url });
  await isDelivered(await world.result(site));

  network.holdUpFrom('claim_deliveries');
  const result = await world.result(site);
  const isClaimed = async () =>
    (await world.db.selectFrom('open_deliveries').select('lease_owner').executeTakeFirst())?.lease_owner != null;
  await waitFor(isClaimed, { what: 'the claim' });
  {
    await using _other = await world.start({ LEASE_MS: '1000' });
    await isDelivered(result);
  }
  network.goOn();
  // The late one claims again, so it has begun what it claimed before.
  await isDelivered(await world.result(site));
  await late[Symbol.asyncDispose]();
  assert.equal(receiver.received.length, 3);
});
