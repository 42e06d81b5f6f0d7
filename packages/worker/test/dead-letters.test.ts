import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { decodeDeadLetter, STREAM_DEFAULTS, streamDefinitions } from '@pressferry/contracts';
import { applyStreams, type Connection, createPublisher, openConnection } from '@pressferry/jetstream';
import { startTestNats } from '@pressferry/testing';
import { createDeadLetters, type DeadLetter } from '../src/index.ts';

const stack = new AsyncDisposableStack();
let connection: Connection;
before(async () => {
  const nats = stack.use(await startTestNats());
  connection = stack.use(await openConnection({ url: nats.url, name: 'test' }));
});
after(() => stack.disposeAsync());

const letter: DeadLetter = {
  siteId: 'site-a',
  requestId: 'request',
  runId: '',
  reason: 'event_undecodable',
  stream: 'EVENTS',
  streamSequence: 7,
  subject: 'pf.event.0.site-a.post.published',
  message: Buffer.from('as it stood'),
  tries: 3,
};

const open = () => {
  const outcomes: string[] = [];
  const publisher = createPublisher(connection, 30_000);
  const publish = createDeadLetters({
    stage: 'callback',
    publisher,
    now: () => 1_700_000_000_000,
    onPublished: (outcome) => void outcomes.push(outcome),
  });
  return { publish, outcomes };
};

test('without its stream a letter is refused, and counted so: the caller must keep what it gives up', async () => {
  const { publish, outcomes } = open();
  assert.equal(await publish(letter, 'one'), false);
  assert.deepEqual(outcomes, ['refused']);
});

test('a letter carries the whole message, its reason and how often it was tried; a repeat is held once', async () => {
  await applyStreams(connection.nats, streamDefinitions(STREAM_DEFAULTS), []);
  const { publish, outcomes } = open();
  assert.equal(await publish(letter, 'one'), true);
  assert.equal(await publish(letter, 'one'), true);
  const { streams } = await jetstreamManager(connection.nats);
  assert.equal((await streams.info('DEADLETTERS')).state.messages, 1);
  const stored = await streams.getMessage('DEADLETTERS', { last_by_subj: 'pf.dead.callback.site-a' });
  const { message, ...rest } = decodeDeadLetter(stored?.data ?? new Uint8Array());
  assert.equal(Buffer.from(message).toString(), 'as it stood');
  const { message: _sent, ...expected } = letter;
  assert.deepEqual(rest, { ...expected, stage: 'callback', deadAtMs: 1_700_000_000_000 });
  assert.deepEqual(outcomes, ['published', 'published']);
});

test('a message that leaves no room for a letter around it is told of by its place', async () => {
  const { publish } = open();
  const message = Buffer.alloc(connection.maxPayload(), 'x');
  assert.equal(await publish({ ...letter, siteId: 'site-b', message }, 'large'), true);
  const { streams } = await jetstreamManager(connection.nats);
  const stored = await streams.getMessage('DEADLETTERS', { last_by_subj: 'pf.dead.callback.site-b' });
  const kept = decodeDeadLetter(stored?.data ?? new Uint8Array());
  assert.deepEqual([kept.streamSequence, kept.message.length], [7, 0]);
});
