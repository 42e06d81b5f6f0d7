import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
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

const scrape = async (of = registry): Promise<Map<string, number>> => {
  const lines = (await of.metrics()).split('\n').filter((line) => line.startsWith('pressferry_jetstream_'));
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

test('an answer that takes longer than a scrape waits is shown at the next one, however rare scrapes are', async (t) => {
  const own = new Registry();
  const slow = slowed(connection);
  measureJetStream(own, { streams: ['JOBS', 'ABSENT'], consumers: [] }).follow(slow.connection);
  const upOf = async (): Promise<(number | undefined)[]> => {
    const read = await scrape(own);
    return ['JOBS', 'ABSENT'].map((stream) => read.get(`stream_up{stream="${stream}"}`));
  };
  const sinceMs = performance.now();
  let laterMs = 0;
  t.mock.method(performance, 'now', () => sinceMs + laterMs);
  slow.hold();
  assert.deepEqual(await upOf(), [undefined, undefined], 'nothing is known yet');
  await slow.release();
  laterMs += 60_000;
  slow.hold();
  assert.deepEqual(await upOf(), [1, 0], 'what was answered a minute ago, while it is asked again');
  await slow.release();
});

test('without NATS a scrape is answered at once and says nothing of streams; once it is back, none is said to be down', async () => {
  await nats.stop();
  const read = await waitFor(
    async () => {
      const now = await scrape();
      return now.get('connected') === 0 ? now : undefined;
    },
    { what: 'the outage to be seen' },
  );
  assert.deepEqual(ofStreams(read), []);
  {
    using time = ownTime();
    await scrape();
    assert.ok(time.elapsedMs() < 500);
  }
  // Scraped all the while: what was read during the outage must not outlive it.
  const said = new Set<string>();
  let isScraping = true;
  const scraping = (async () => {
    while (isScraping) {
      for (const line of ofStreams(await scrape())) said.add(line);
      await setImmediate();
    }
  })();
  await nats.restart();
  await waitFor(async () => said.has('stream_up{stream="ABSENT"} 0'), { what: 'the streams to be read again' });
  isScraping = false;
  await scraping;
  assert.deepEqual([...said].sort(), [
    `consumer_up${OF_WORKER} 1`,
    'stream_up{stream="ABSENT"} 0',
    'stream_up{stream="JOBS"} 1',
  ]);
});

const ofStreams = (read: Map<string, number>): string[] =>
  [...read].flatMap(([name, value]) => (/^(stream|consumer)_up/.test(name) ? [`${name} ${value}`] : []));

/** The connection, whose answers can be held back. */
function slowed(real: Connection) {
  let held = Promise.withResolvers<void>();
  held.resolve();
  const waiting = new Set<Promise<unknown>>();
  const request: Connection['nats']['request'] = (...args) => {
    const until = held.promise;
    const answer = real.nats.request(...args).then(async (message) => {
      await until;
      return message;
    });
    waiting.add(answer);
    return answer;
  };
  const nats = new Proxy(real.nats, {
    get: (target, name) => {
      if (name === 'request') return request;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return {
    connection: { ...real, nats },
    hold: () => {
      held = Promise.withResolvers<void>();
    },
    release: async () => {
      held.resolve();
      await Promise.allSettled(waiting);
    },
  };
}
