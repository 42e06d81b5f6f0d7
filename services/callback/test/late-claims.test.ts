import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { waitFor } from '@pressferry/testing';
import { startReceiver } from './receiver.ts';
import { createWorld } from './world.ts';

/** A network to Postgres that can hold up all replies, from the next claim's on. */
async function startNetwork(databaseUrl: string) {
  const { port, hostname } = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let isArmed = false;
  let held: (() => void)[] | undefined;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    const end = (): void => void [client, upstream].map((socket) => socket.destroy());
    for (const socket of [client, upstream]) sockets.add(socket.on('error', end).on('close', end));
    client.on('data', (bytes) => {
      if (isArmed && bytes.includes('claim_deliveries')) held ??= [];
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (held === undefined) client.write(bytes);
      else held.push(() => void client.write(bytes));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: Object.assign(new URL(databaseUrl), { host: `127.0.0.1:${(server.address() as AddressInfo).port}` }).href,
    holdUp: (): void => {
      isArmed = true;
    },
    goOn: (): void => {
      isArmed = false;
      for (const reply of held ?? []) reply();
      held = undefined;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('a claim whose answer came after the end of its lease pushes nothing, because another worker may have', async () => {
  await using world = await createWorld();
  await using network = await startNetwork(world.env.DATABASE_URL ?? '');
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  const isDelivered = ({ resultId }: { resultId: string }) =>
    waitFor(async () => (await world.status(resultId)) === 'acknowledged', { what: 'the delivery' });
  await using late = await world.start({ LEASE_MS: '1000', DATABASE_URL: network.url });
  await isDelivered(await world.result(site));

  network.holdUp();
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
