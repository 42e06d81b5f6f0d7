import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLatch, waitFor } from '@pressferry/testing';
import {
  type ConsumeOptions,
  consume,
  type Delivered,
  type Outcome,
  openConnection,
  type Window,
} from '../src/index.ts';
import { done, openBroker, startConsumer, textOf } from './consumer.ts';

let broker: Awaited<ReturnType<typeof openBroker>>;
before(async () => {
  broker = await openBroker();
});
after(() => broker[Symbol.asyncDispose]());

/** A stream that is read ahead; nothing of it is done before `go` is open. */
async function startWaiting(window: Partial<Window> = {}, options: { ackWaitMs?: number; concurrency?: number } = {}) {
  const go = createLatch();
  const handled: string[] = [];
  const handle = async (message: Delivered): Promise<Outcome> => {
    handled.push(textOf(message));
    await go.wait();
    return done;
  };
  let taken = 0;
  const groupOf = ({ subject }: Pick<Delivered, 'subject'>): string => {
    taken++;
    return subject;
  };
  const readAhead = { messages: 900, bytes: 1_000_000, groupOf, ...window };
  const world = await startConsumer(broker.connection, handle, { readAhead, ...options });

  return Object.assign(world, {
    go,
    handled,
    sendAll: (texts: string[], group?: string) => {
      for (const text of texts) world.send(text, group);
    },
    taken: () => taken,
    /** Opens the latch, and waits until so many are acknowledged. */
    finish: async (count: number) => {
      go.open();
      await waitFor(async () => (await world.state()).ack_floor.stream_seq === count, { what: 'the acknowledgements' });
    },
  });
}

const many = (text: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${text}${at}`);

test('a message behind hundreds of another group is the next but one, and each group keeps its order', async () => {
  await using world = await startWaiting();
  world.sendAll(many('a', 300), 'a');
  world.sendAll(many('b', 3), 'b');
  await waitFor(() => world.taken() === 303, { what: 'all to be read' });
  await world.finish(303);
  assert.deepEqual(world.handled.slice(0, 10), ['a0', 'a1', 'a2', 'a3', 'a4', 'b0', 'a5', 'b1', 'a6', 'b2']);
  assert.deepEqual(
    world.handled.filter((text) => text.startsWith('a')),
    many('a', 300),
  );
});

test('a message of a group with nothing in flight is begun at once, however many of another group are being handled', async () => {
  await using world = await startWaiting({}, { concurrency: 16 });
  world.sendAll(many('a', 40), 'a');
  await waitFor(() => world.taken() === 40, { what: 'all to be read' });
  assert.deepEqual(world.handled, many('a', 14));
  world.sendAll(many('b', 2), 'b');
  await waitFor(() => world.handled.includes('b0'), { what: 'the other group' });
  world.sendAll(['c0'], 'c');
  await waitFor(() => world.handled.includes('c0'), { what: 'a third group' });
  assert.deepEqual(world.handled.slice(14), ['b0', 'c0']);
  await world.finish(43);
});

test('no more messages are read ahead than the window takes', async () => {
  await using world = await startWaiting({ messages: 40 });
  world.sendAll(many('a', 100));
  await waitFor(() => world.taken() === 40, { what: 'the window to fill' });
  assert.equal((await world.state()).num_pending, 60);
  await world.finish(100);
  assert.deepEqual(world.handled, many('a', 100));
});

test('no more bytes are read ahead than the window takes, except by the first pull, whose sizes are not known', async () => {
  await using world = await startWaiting({ bytes: 200_000 });
  const large = 'x'.repeat(1_000);
  const [count, firstPull] = [800, 128];
  world.sendAll(many(large, count));
  await waitFor(() => world.taken() > firstPull, { what: 'the window to fill' });
  let most = 0;
  world.go.open();
  await waitFor(
    async () => {
      const { num_ack_pending, ack_floor } = await world.state();
      most = Math.max(most, num_ack_pending);
      return ack_floor.stream_seq === count;
    },
    { what: 'the acknowledgements', everyMs: 1 },
  );
  assert.ok(most * large.length <= 200_000, `${most} were read ahead`);
  assert.equal(world.handled.length, count);
});

test('messages read ahead are kept from being delivered again for as long as they wait', async () => {
  await using world = await startWaiting({}, { ackWaitMs: 8_000 });
  const signs = new Map<string, number>();
  broker.connection.nats.subscribe(`$JS.ACK.${world.stream}.worker.>`, {
    callback: (_error, { subject, data }) => {
      const sequence = subject.split('.')[5] ?? '';
      if (Buffer.from(data).toString() === '+WPI') signs.set(sequence, (signs.get(sequence) ?? 0) + 1);
    },
  });
  world.sendAll(many('a', 200));
  const isTold = (): boolean => signs.size === 200 && [...signs.values()].every((count) => count >= 2);
  await waitFor(isTold, { what: 'two signs of work of each' });
  await world.finish(200);
  assert.equal((await world.state()).delivered.consumer_seq, 200);
});

test('a backlog is shared by the processes that read ahead: none takes all of it', async () => {
  await using world = await startWaiting();
  await using other = await startOther(world.started);
  await waitFor(async () => (await world.state()).num_waiting === 2, { what: 'both to ask' });
  const count = 256;
  world.sendAll(many('a', count));
  // The first does nothing before `go`: it keeps what it took.
  await waitFor(() => other.handled.length >= count / 4, { what: 'the other to get its part' });
  await waitFor(() => world.taken() === count, { what: 'all to be read' });
  assert.ok(other.handled.length <= (count * 3) / 4, `the other got ${other.handled.length}`);
  await world.finish(count);
});

test('a process that stops gives back at once what it had only read ahead', async () => {
  // Without that it would be an hour.
  await using world = await startWaiting({}, { ackWaitMs: 3_600_000 });
  world.sendAll(many('a', 200));
  await waitFor(() => world.taken() === 200, { what: 'all to be read' });
  world.stop();
  await using other = await startOther(world.started);
  await waitFor(() => other.handled.length === 196, { what: 'another to get all but what is in flight' });
  await world.finish(200);
  await world.running;
  assert.deepEqual(new Set([...world.handled, ...other.handled]), new Set(many('a', 200)));
  assert.equal(world.handled.length, 4);
});

const TAKEN_UP_WITHIN_MS = 1_000;

test('what a process had read ahead when it was killed is taken up within one acknowledgement wait', async () => {
  const gone = await openConnection({ url: broker.nats.url, name: 'gone' });
  await using world = await startWaiting({}, { ackWaitMs: TAKEN_UP_WITHIN_MS });
  world.stop();
  await world.running;
  const killed = new AbortController();
  const held = createLatch();
  const running = consume(gone, () => held.wait().then(() => done), { ...world.started, signal: killed.signal });
  world.sendAll(many('a', 200));
  await waitFor(() => world.taken() === 200, { what: 'all to be read' });
  await gone.nats.close();
  await using other = await startOther(world.started);
  const isTakenUp = async (): Promise<boolean> => {
    // A pause of the server lengthens the asking too.
    await world.state();
    return new Set(other.handled).size === 200;
  };
  // As long again for the server and a busy machine.
  await waitFor(isTakenUp, { what: 'another to get them', everyMs: 100, most: (2 * TAKEN_UP_WITHIN_MS + 1_000) / 100 });
  killed.abort();
  held.open();
  await running;
});

/** Another process on the same consumer, which does its work at once. */
async function startOther(started: ConsumeOptions) {
  const handled: string[] = [];
  const stop = new AbortController();
  const handle = async (message: Delivered): Promise<Outcome> => {
    handled.push(textOf(message));
    return done;
  };
  const running = consume(broker.connection, handle, { ...started, signal: stop.signal });
  return {
    handled,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
