import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLatch, waitFor } from '@pressferry/testing';
import type { ConsumeOptions, Delivered, Outcome } from '../src/index.ts';
import { done, openBroker, startConsumer, textOf } from './consumer.ts';

let broker: Awaited<ReturnType<typeof openBroker>>;
before(async () => {
  broker = await openBroker();
});
after(() => broker[Symbol.asyncDispose]());

const startWorld = (
  handle: (message: Delivered) => Promise<Outcome>,
  options: Partial<ConsumeOptions> & { ackWaitMs?: number } = {},
) => startConsumer(broker.connection, handle, options);

const SHORT_ACK_WAIT_MS = 600;

test('a message whose handling outlasts the acknowledgement wait by far is handled once, and no delivery is spent', async () => {
  const go = createLatch();
  const handled: [string, number][] = [];
  const handle = async (message: Delivered): Promise<Outcome> => {
    handled.push([textOf(message), message.delivery]);
    await go.wait();
    return done;
  };
  await using world = await startWorld(handle, { ackWaitMs: SHORT_ACK_WAIT_MS });
  for (const text of ['a', 'b', 'c']) world.send(text);
  await waitFor(() => handled.length === 3, { what: 'three messages in flight' });
  const begunAtMs = performance.now();
  await waitFor(() => performance.now() - begunAtMs > 3 * SHORT_ACK_WAIT_MS, { what: 'three acknowledgement waits' });
  go.open();
  await waitFor(async () => (await world.state()).ack_floor.stream_seq === 3, { what: 'the acknowledgements' });
  assert.deepEqual(handled, [
    ['a', 1],
    ['b', 1],
    ['c', 1],
  ]);
});

test('no more is fetched than is in flight, however long that takes', async () => {
  const go = createLatch();
  let inFlight = 0;
  await using world = await startWorld(async () => {
    inFlight++;
    await go.wait();
    return done;
  });
  for (let count = 0; count < 20; count++) world.send('x');
  await waitFor(() => inFlight === 4, { what: 'four messages in flight' });
  const { num_ack_pending, num_pending } = await world.state();
  assert.deepEqual([num_ack_pending, num_pending], [4, 16]);
  go.open();
  await waitFor(async () => (await world.state()).ack_floor.stream_seq === 20, { what: 'the acknowledgements' });
  assert.equal(inFlight, 20);
});

test('while a dependency is away nothing is fetched', async () => {
  const ready = createLatch();
  await using world = await startWorld(async () => done, { untilReady: () => ready.wait() });
  world.send('x');
  await waitFor(async () => (await world.state()).num_pending === 1, { what: 'the message to wait' });
  ready.open();
  await waitFor(async () => (await world.state()).ack_floor.stream_seq === 1, { what: 'the acknowledgement' });
});

test('a suspect is handled while nothing else is, and the others go on after it', async () => {
  let inFlight = 0;
  const together: [string, number][] = [];
  await using world = await startWorld(
    async (message) => {
      together.push([textOf(message), inFlight++]);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight--;
      return done;
    },
    { isSuspect: (message) => textOf(message) === 'suspect', concurrency: 12 },
  );
  for (const text of ['a', 'suspect', 'b', 'suspect', 'c', 'd', 'e', 'f', 'g', 'h']) world.send(text);
  await waitFor(async () => (await world.state()).ack_floor.stream_seq === 10, { what: 'the acknowledgements' });
  const suspects = together.filter(([text]) => text === 'suspect');
  assert.deepEqual(suspects, [
    ['suspect', 0],
    ['suspect', 0],
  ]);
  assert.equal(together.length, 10);
});

test('a message that is delivered again while it is in flight is not handled twice', async () => {
  const go = createLatch();
  const handled: string[] = [];
  await using world = await startWorld(async (message) => {
    handled.push(textOf(message));
    await go.wait();
    return done;
  });
  world.send('x');
  await waitFor(() => handled.length === 1, { what: 'the message in flight' });
  // As after a restart of the server, which then delivers it again.
  broker.connection.nats.publish(`$JS.ACK.${world.stream}.worker.1.1.1.0.0`, '-NAK');
  await waitFor(async () => (await world.state()).delivered.consumer_seq > 1, { what: 'the second delivery' });
  world.send('y');
  await waitFor(() => handled.includes('y'), { what: 'what was delivered after it' });
  go.open();
  await waitFor(async () => (await world.state()).ack_floor.stream_seq === 2, { what: 'the acknowledgements' });
  assert.deepEqual(handled, ['x', 'y']);
});

test('a consumer that was deleted is recreated, and a handler that throws gets its message again', async () => {
  const deliveries: [string, number][] = [];
  await using world = await startWorld(async (message) => {
    deliveries.push([textOf(message), message.delivery]);
    if (textOf(message) === 'bad' && message.delivery === 1) throw new Error('by mistake');
    return done;
  });
  world.send('a');
  await waitFor(async () => (await world.state()).ack_floor.stream_seq === 1, { what: 'the acknowledgement' });
  await world.manager.consumers.delete(world.stream, 'worker');
  await waitFor(() => world.interruptions.length > 0, { what: 'the loss to be noticed' });
  world.send('bad');
  await waitFor(async () => (await world.state()).ack_floor.stream_seq === 2, { what: 'the acknowledgement' });
  assert.deepEqual(deliveries.at(-2), ['bad', 1]);
  assert.deepEqual(deliveries.at(-1), ['bad', 2]);
});
