import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { SUMMARY, startWorld, testPostgres, vendorsYaml } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

/** A connection begins with so many packets of its client. */
const LOGIN_PACKETS = 3;

interface Lossy extends AsyncDisposable {
  url: string;
  /** From now on every so many replies of the server are lost, with their connections. */
  loseEach: (replies: number) => void;
  lost: () => number;
}

/** A proxy of Postgres: what it loses was committed. */
async function startLossy(databaseUrl: string): Promise<Lossy> {
  const { port, hostname } = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let [each, replies, lost] = [Number.POSITIVE_INFINITY, 0, 0];
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    const end = (): void => void [client, upstream].map((socket) => socket.destroy());
    for (const socket of [client, upstream]) sockets.add(socket.on('error', end).on('close', end));
    let asked = 0;
    client.on('data', (bytes) => {
      asked++;
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (asked <= LOGIN_PACKETS || ++replies < each) return void client.write(bytes);
      replies = 0;
      lost++;
      end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: Object.assign(new URL(databaseUrl), { host: `127.0.0.1:${(server.address() as AddressInfo).port}` }).href,
    loseEach: (count) => {
      each = count;
    },
    lost: () => lost,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('when connections are lost after their commits, every event runs once: no call is made twice, and nothing is given up', async () => {
  await using world = await startWorld(postgres);
  await using lossy = await startLossy(world.databaseUrl);
  const env = { DATABASE_URL: lossy.url, LEASE_MS: '2000' };
  for (let replica = 0; replica < 2; replica++) await world.start(`${vendorsYaml()}${SUMMARY}`, env);
  const requests = [await world.send()];
  await world.result(requests[0] ?? '', 'summarize-post');
  lossy.loseEach(8);
  for (let count = 0; count < 16; count++) {
    const request = await world.send({ siteId: `site-${count % 5}` });
    requests.push(request);
    if (count % 4 === 0) await world.result(request, 'summarize-post');
  }
  for (const request of requests) assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  assert.ok(lossy.lost() > 5, `${lossy.lost()} replies were lost`);
  lossy.loseEach(Number.POSITIVE_INFINITY);
  const manager = await jetstreamManager(world.connection.nats);
  const isDone = async () => (await manager.consumers.info('EVENTS', 'enricher')).num_ack_pending === 0;
  await waitFor(isDone, { what: 'the acknowledgements' });
  assert.equal(world.vendors.ledger().calls, requests.length);
  assert.equal((await manager.streams.info('DEADLETTERS')).state.messages, 0);
});
