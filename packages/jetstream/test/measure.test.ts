import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { ConsumerDefinition, StreamDefinition } from '@pressferry/contracts';
import { ownTime, startTestNats, waitFor } from '@pressferry/testing';
import { Registry } from 'prom-client';
import { applyStreams } from '../src/apply.ts';
import { type Connection, openConnection } from '../src/connection.ts';
import { measureJetStream } from '../src/measure.ts';

const JOBS: StreamDefinition = {
  name: 'JOBS',
  description: 'For the test',
  subjects: ['jobs.>'],
  storage: 'file',
  discard: 'new',
  replicas: 1,
  maxAgeMs: 60_000,
  maxBytes: 100_000,
  duplicateWindowMs: 1_000,
  atomicPublish: false,
};
const WORKER: ConsumerDefinition = {
  stream: 'JOBS',
  name: 'worker',
  description: 'For the test',
  ackWaitMs: 30_000,
  maxDeliver: 5,
  maxAckPending: 10,
};

let nats: Awaited<ReturnType<typeof startTestNats>>;
let connection: Connection;
const registry = new Registry();
before(async () => {
  nats = await startTestNats();
  connection = await openConnection({ url: nats.url, name: 'test' });
  await applyStreams(connection.nats, [JOBS], [WORKER]);
  measureJetStream(registry, { streams: ['JOBS', 'ABSENT'], consumers: [WORKER] }).follow(connection);
});
after(async () => {
  await connection[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

const scrape = async (): Promise<Map<string, number>> => {
  const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith('pressferry_jetstream_'));
  return new Map(
    lines.map((line) => [
      line.replace(/ \S+$/, '').slice('pressferry_jetstream_'.length),
      Number(line.split(' ').at(-1)),
    ]),
  );
};
const OF_WORKER = '{stream="JOBS",consumer="worker"}';

test('what waits for a consumer, what it has in flight, and how old the oldest of both is', async () => {
  const js = jetstream(connection.nats);
  for (const number of [1, 2, 3]) await js.publish(`jobs.${number}`, 'payload');
  const consumer = await js.consumers.get('JOBS', 'worker');
  const [first, second] = [await consumer.next(), await consumer.next()];
  assert.ok(first !== null && second !== null);
  assert.equal(await second.ackAck(), true);
  const read = await waitFor(
    async () => {
      const now = await scrape();
      return now.get(`consumer_ack_pending${OF_WORKER}`) === 1 ? now : undefined;
    },
    { what: 'the consumer to be read' },
  );
  assert.equal(read.get(`consumer_pending${OF_WORKER}`), 1);
  const storedAtMs = first.time.getTime();
  const age = read.get(`consumer_oldest_age_seconds${OF_WORKER}`) ?? Number.NaN;
  assert.ok(age > 0 && age <= (Date.now() - storedAtMs) / 1000, `${age} s`);

  assert.equal(read.get('stream_messages{stream="JOBS"}'), 3);
  assert.equal(read.get('stream_max_bytes{stream="JOBS"}'), 100_000);
  assert.equal(read.get('stream_up{stream="JOBS"}'), 1);
  assert.deepEqual([read.get('stream_up{stream="ABSENT"}'), read.has('stream_bytes{stream="ABSENT"}')], [0, false]);

  await first.ackAck();
  const manager = await jetstreamManager(connection.nats);
  // Erased before it was delivered: the oldest is the one behind it.
  await manager.streams.deleteMessage('JOBS', 3);
  await waitFor(async () => (await scrape()).get(`consumer_oldest_age_seconds${OF_WORKER}`) === 0, {
    what: 'nothing to be left',
  });
});

test('without NATS a scrape is answered at once, and says that nothing is up', async () => {
  await nats.kill();
  const read = await waitFor(
    async () => {
      const now = await scrape();
      return now.get('stream_up{stream="JOBS"}') === 0 ? now : undefined;
    },
    { what: 'the outage to be seen' },
  );
  assert.deepEqual([read.get('connected'), read.get(`consumer_up${OF_WORKER}`)], [0, 0]);
  assert.equal(read.has(`consumer_pending${OF_WORKER}`), false);
  using time = ownTime();
  await scrape();
  assert.ok(time.elapsedMs() < 500);
});
