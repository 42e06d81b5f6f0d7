import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { freePort, resolveNatsServer, startNats, startNatsCluster } from '../src/index.ts';

let folder: string;
let binary: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pressferry-nats-'));
  binary = await resolveNatsServer({ cacheDir: join(import.meta.dirname, '../../../.pressferry/cache') });
});
after(() => rm(folder, { recursive: true }));

test('a server that was killed comes back on its port with every acknowledged message', async () => {
  await using server = await startNats({ binary, storeDir: join(folder, 'killed') });
  await withConnection(server.url, async (connection) => {
    await (await jetstreamManager(connection)).streams.add({ name: 'S', subjects: ['s.>'] });
    for (let count = 0; count < 50; count++) await jetstream(connection).publish('s.x', String(count));
  });
  const { port, pid } = server;
  await server.kill();
  assert.equal(server.running, false);
  await server.restart();
  assert.equal(server.port, port);
  assert.notEqual(server.pid, pid);
  await withConnection(server.url, async (connection) => {
    const info = await (await jetstreamManager(connection)).streams.info('S');
    assert.equal(info.state.messages, 50);
  });
});

test('a second start on the same store is refused while the first runs', async () => {
  const storeDir = join(folder, 'twice');
  await using _server = await startNats({ binary, storeDir });
  const { waitForOwnerToLeave } = await import('../src/process/owner.ts');
  const refused = waitForOwnerToLeave(join(storeDir, 'nats-server.pid'), storeDir, 100);
  await assert.rejects(refused, /in use by another start/);
});

test('a taken port is left alone and another one used', async () => {
  const port = await freePort();
  const squatter = createServer().listen(port, '127.0.0.1');
  await using server = await startNats({ binary, storeDir: join(folder, 'taken'), port });
  assert.notEqual(server.port, port);
  squatter.close();
});

test('a server with a token turns away clients without it', async () => {
  await using server = await startNats({ binary, storeDir: join(folder, 'token'), authToken: 's3cret' });
  await assert.rejects(connect({ servers: server.url, reconnect: false }), /authorization/i);
  const connection = await connect({ servers: server.url, token: 's3cret' });
  await connection.close();
});

test('a server that cannot start says why', async () => {
  const failing = startNats({ binary, storeDir: join(folder, 'bad'), authToken: '', monitorPort: 1e6 });
  await assert.rejects(failing, /nats-server did not start; it said:\n.*port/s);
});

test('an exit that no one asked for is reported, one that was asked for is not', async () => {
  const exits: unknown[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  await using server = await startNats({
    binary,
    storeDir: join(folder, 'exits'),
    onUnexpectedExit: (exit) => {
      exits.push(exit);
      resolve();
    },
  });
  await server.restart();
  assert.deepEqual(exits, []);
  process.kill(server.pid, 'SIGKILL');
  await promise;
  assert.deepEqual(exits, [{ code: null, signal: 'SIGKILL' }]);
});

test('a stop in the middle of a restart leaves nothing running', async () => {
  const server = await startNats({ binary, storeDir: join(folder, 'racing') });
  await Promise.all([server.restart(), server.stop()]);
  assert.equal(server.running, false);
  assert.throws(() => process.kill(server.pid, 0), { code: 'ESRCH' });
});

test('a cluster elects a new leader when its leader is killed, loses nothing, and takes the node back', async () => {
  await using cluster = await startNatsCluster({ binary, storeDir: join(folder, 'cluster') });
  const connection = await connect({ servers: cluster.urls });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'S', subjects: ['s.>'], num_replicas: 3 });
  for (let count = 0; count < 20; count++) await jetstream(connection).publish('s.x', String(count));

  const leader = await cluster.metaLeader();
  assert.ok(leader !== undefined);
  await cluster.kill(leader);
  await cluster.ready();
  assert.notEqual(await cluster.metaLeader(), leader);
  await cluster.restart(leader);
  await cluster.ready();
  assert.equal((await manager.streams.info('S')).state.messages, 20);
  await connection.close();
});

async function withConnection(url: string, work: (connection: NatsConnection) => Promise<void>): Promise<void> {
  const connection = await connect({ servers: url });
  try {
    await work(connection);
  } finally {
    await connection.close();
  }
}
