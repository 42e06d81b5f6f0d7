import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { consumerDefinitions, STREAM_DEFAULTS, streamDefinitions } from '@pressferry/contracts';
import { startTestNats, takeSystemClock } from '@pressferry/testing';
import {
  applyStreams,
  type Connection,
  createPublisher,
  makeRoom,
  openConnection,
  readAcknowledged,
} from '../src/index.ts';

let nats: Awaited<ReturnType<typeof startTestNats>>;
let connection: Connection;
before(async () => {
  nats = await startTestNats();
  connection = await openConnection({ url: nats.url, name: 'test' });
});
after(async () => {
  await connection[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

const apply = (eventsMaxBytes?: number) => {
  const options = { ...STREAM_DEFAULTS, eventsMaxBytes };
  return applyStreams(connection.nats, streamDefinitions(options), consumerDefinitions(options));
};

test('every stream on disk has a bound, and applying without one keeps the bound that an operator chose', async () => {
  await apply();
  const manager = await jetstreamManager(connection.nats);
  for (const stream of ['EVENTS', 'RESULTS', 'DEADLETTERS']) {
    assert.ok((await manager.streams.info(stream)).config.max_bytes > 0, `${stream} has no bound`);
  }
  await apply(5_000_000);
  assert.ok((await apply()).every(({ change }) => change === 'unchanged'));
  assert.equal((await manager.streams.info('EVENTS')).config.max_bytes, 5_000_000);
});

test('copies that a single server cannot keep are refused, and not noted as if they were there', async () => {
  await apply();
  const options = { ...STREAM_DEFAULTS, replicas: 3 };
  await assert.rejects(applyStreams(connection.nats, streamDefinitions(options), []), /single server.*--replicas 1/);
  const manager = await jetstreamManager(connection.nats);
  assert.equal((await manager.streams.info('EVENTS')).config.num_replicas, 1);
});

test('making room keeps what is not acknowledged, and the server still knows the ids of what it removed', async () => {
  await apply(5_000_000);
  const manager = await jetstreamManager(connection.nats);
  const publisher = createPublisher(connection, 30_000);
  const publish = (id: string) =>
    publisher.publish('pf.event.0.site.order.paid', Buffer.alloc(100_000), { 'Nats-Msg-Id': id });
  for (let count = 0; count < 45; count++) await publish(`id-${count}`);
  const acknowledged = async () =>
    (await readAcknowledged(connection.nats, { stream: 'EVENTS', name: 'enricher' })).acknowledgedUpTo;
  assert.equal(await makeRoom(connection.nats, 'EVENTS', await acknowledged()), null, 'nothing is acknowledged yet');

  const consumer = await jetstream(connection.nats).consumers.get('EVENTS', 'enricher');
  const messages = await consumer.fetch({ max_messages: 10, expires: 5_000 });
  for await (const message of messages) await message.ackAck();
  assert.equal(await acknowledged(), 10);
  assert.deepEqual(await makeRoom(connection.nats, 'EVENTS', 10), { reason: 'pressure', messages: 10 });
  const { state } = await manager.streams.info('EVENTS');
  assert.deepEqual([state.messages, state.first_seq], [35, 11]);
  assert.equal((await publish('id-3')).kind, 'duplicate');
});

test('a process whose clock is a day ahead removes nothing that NATS still compares repeats with', async () => {
  await using fresh = await startTestNats();
  await using other = await openConnection({ url: fresh.url, name: 'test' });
  await applyStreams(other.nats, streamDefinitions(STREAM_DEFAULTS), consumerDefinitions(STREAM_DEFAULTS));
  const publisher = createPublisher(other, 2_000);
  const stored = await publisher.publish('pf.event.0.site.order.paid', Buffer.alloc(10), { 'Nats-Msg-Id': 'one' });
  assert.equal(stored.kind, 'stored');
  using clock = takeSystemClock();
  clock.step(25 * 3_600_000);
  assert.equal(await makeRoom(other.nats, 'EVENTS', 1), null);
});

test('a stream that the disk of NATS has no room for is refused with the remedy', async () => {
  await using fresh = await startTestNats();
  await using other = await openConnection({ url: fresh.url, name: 'test' });
  const options = { ...STREAM_DEFAULTS, eventsMaxBytes: 10 ** 15 };
  await assert.rejects(
    applyStreams(other.nats, streamDefinitions(options), []),
    /NATS has no room for the 1000000000000000 bytes of EVENTS: give NATS a larger disk .*--events-max-bytes/,
  );
});
