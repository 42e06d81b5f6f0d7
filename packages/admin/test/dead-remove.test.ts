import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import {
  type DeadLetterMessage,
  deadLetterSubject,
  encodeDeadLetter,
  STREAM_DEFAULTS,
  streamDefinitions,
} from '@pressferry/contracts';
import { applyStreams, type Connection, openConnection } from '@pressferry/jetstream';
import { startTestNats } from '@pressferry/testing';
import { pressferry } from './command.ts';

let connection: Connection;
let natsUrl: string;
const resources = new AsyncDisposableStack();
before(async () => {
  const nats = resources.use(await startTestNats());
  natsUrl = nats.url;
  connection = resources.use(await openConnection({ url: nats.url, name: 'test' }));
  await applyStreams(connection.nats, streamDefinitions(STREAM_DEFAULTS), []);
  for (const [siteId, reason] of [
    ['one', 'vendor_refused'],
    ['one', 'timeout'],
    ['two', 'timeout'],
  ] as const) {
    const letter: DeadLetterMessage = {
      ...{ stage: 'enricher', siteId, reason, requestId: '', runId: '', deadAtMs: Date.now() },
      ...{ stream: '', streamSequence: 0, subject: '', message: new Uint8Array(), tries: 1 },
    };
    await jetstream(connection.nats).publish(deadLetterSubject('enricher', siteId), encodeDeadLetter(letter));
  }
});
after(() => resources.disposeAsync());

const run = async (...args: string[]): Promise<[number | null, string]> => {
  const command = pressferry(['dead', ...args], { NATS_URL: natsUrl });
  return [await command.exited, command.output().trim()];
};
const left = async (): Promise<number> =>
  (await (await jetstreamManager(connection.nats)).streams.info('DEADLETTERS')).state.messages;

test('dead letters are removed by number or filter, never without --yes, and what is not there is said', async () => {
  assert.equal((await run('remove', '1'))[0], 2);
  assert.equal((await run('remove', '--yes'))[0], 2);
  assert.deepEqual(await run('remove', '--all', '--dry-run'), [0, '3 would be removed']);
  assert.equal(await left(), 3);
  assert.deepEqual(await run('remove', '--all', '--site', 'one', '--reason', 'timeout', '--yes'), [0, '1 removed']);
  assert.deepEqual(await run('remove', '1', '2', '--yes', '--json'), [4, '{"found":1,"removed":1,"missing":[2]}']);
  assert.deepEqual(await run('remove', '99', '--yes'), [
    1,
    '0 removed\nthere is no dead letter 99: pressferry dead list',
  ]);
  assert.equal(await left(), 1);
});
