import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { startTestNats, waitFor } from '@pressferry/testing';
import { type Connection, openConnection } from '../src/connection.ts';
import { ERROR_CODES } from '../src/error-codes.ts';
import { createPublisher } from '../src/publisher.ts';

let nats: Awaited<ReturnType<typeof startTestNats>>;
let connection: Connection;
before(async () => {
  nats = await startTestNats();
  connection = await openConnection({ url: nats.url, name: 'test' });
  const manager = await jetstreamManager(connection.nats);
  await manager.streams.add({ name: 'JOBS', subjects: ['jobs.>'], storage: 'memory', max_msgs: 3, discard: 'new' });
});
after(async () => {
  await connection[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

const BYTES = Buffer.from('payload');
const id = (name: string): Record<string, string> => ({ 'Nats-Msg-Id': name });

test('each publish hears what became of its own message: stored, seen before, or refused because the stream is full', async () => {
  const publisher = createPublisher(connection, 2_000);
  const first = await Promise.all(['a', 'b', 'a'].map((name) => publisher.publish('jobs.one', BYTES, id(name))));
  assert.deepEqual(first.slice(0, 2), [
    { kind: 'stored', stream: 'JOBS', sequence: 1 },
    { kind: 'stored', stream: 'JOBS', sequence: 2 },
  ]);
  assert.equal((await publisher.publish('jobs.one', BYTES, id('a'))).kind, 'duplicate');
  assert.equal((await publisher.publish('jobs.one', BYTES, id('c'))).kind, 'stored');
  const full = await publisher.publish('jobs.one', BYTES, id('d'));
  assert.ok(full.kind === 'refused' && ERROR_CODES.streamFull.some((code) => code === full.errorCode));
  assert.equal(publisher.pending(), 0);
});

test('a message that no stream takes, or that is larger than the server allows, is told at once', async () => {
  const publisher = createPublisher(connection, 2_000);
  assert.deepEqual(await publisher.publish('nobody.home', BYTES, {}), { kind: 'unavailable', reason: 'no_responders' });
  const large = await publisher.publish('jobs.one', Buffer.alloc(connection.maxPayload() + 1), {});
  assert.ok(large.kind === 'refused' && large.errorCode === ERROR_CODES.tooLarge);
});

test('a header that would add a line is refused before anything is sent', async () => {
  const publisher = createPublisher(connection, 2_000);
  assert.throws(() => publisher.publish('jobs.one', BYTES, { name: 'two\r\nlines' }), /line break/);
  assert.equal(publisher.pending(), 0);
});

test('what is published on a connection that is being drained is unavailable', async () => {
  await using other = await openConnection({ url: nats.url, name: 'drained' });
  const publisher = createPublisher(other, 2_000);
  const late = publisher.publish('jobs.one', BYTES, id('late'));
  const drained = other.nats.drain();
  assert.equal((await late).kind, 'unavailable');
  await drained;
});

test('what waits for an acknowledgement when the connection is lost is unavailable at once, and later publishes too', async () => {
  const publisher = createPublisher(connection, 60_000);
  await nats.kill();
  await waitFor(() => !connection.isConnected(), { what: 'the loss to be noticed' });
  assert.deepEqual(await publisher.publish('jobs.one', BYTES, {}), { kind: 'unavailable', reason: 'disconnected' });
  assert.equal(publisher.pending(), 0);
  await nats.restart();
  await waitFor(connection.isConnected, { what: 'the connection to be back' });
});
