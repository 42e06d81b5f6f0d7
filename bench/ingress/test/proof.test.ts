import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import {
  encodeEvent,
  eventMessageId,
  eventSubject,
  requestId,
  STREAM_DEFAULTS,
  streamDefinitions,
} from '@pressferry/contracts';
import type { Server } from '@pressferry/embedded';
import { applyStreams, type Connection, createPublisher, openConnection } from '@pressferry/jetstream';
import { startTestNats } from '@pressferry/testing';
import { OUTCOME_BYTES } from '../load/plan.ts';
import { encodeRecord, type PooledRequest } from '../load/pool.ts';
import { makeRequest } from '../load/requests.ts';
import { benchSender } from '../load/site.ts';
import { createLedger, type Proof } from '../system/proof.ts';

const { siteId } = benchSender;
let dir: string;
let nats: Server;
let connection: Connection;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pressferry-proof-'));
  nats = await startTestNats();
  connection = await openConnection({ url: nats.url, name: 'proof' });
  await applyStreams(connection.nats, streamDefinitions(STREAM_DEFAULTS), []);
});
after(async () => {
  await connection[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

const bodyOf = ({ raw, bodyStart }: PooledRequest): Buffer => raw.subarray(bodyStart);

/** Stores an event as ingress would; its own message id lets one key be stored twice. */
async function store({ idempotencyKey: key }: PooledRequest, body: Buffer, messageId = eventMessageId(siteId, key)) {
  const payload = encodeEvent({
    requestId: requestId(siteId, key),
    siteId,
    eventType: 'form.submitted',
    objectRef: 'entry-1',
    idempotencyKey: key,
    receivedAtMs: 0,
    body,
    mode: 'live',
  });
  const publisher = createPublisher(connection, 5_000);
  const outcome = await publisher.publish(eventSubject(0, siteId, 'form.submitted'), payload, {
    'Nats-Msg-Id': messageId,
  });
  assert.equal(outcome.kind, 'stored');
}

/** What the proof says when these requests were answered so. */
async function prove(answers: { request: PooledRequest; status: number; answeredId?: string }[]): Promise<Proof> {
  const file = join(dir, randomUUID());
  await writeFile(file, Buffer.concat(answers.map(({ request }) => encodeRecord(request))));
  const outcomes = Buffer.alloc(answers.length * OUTCOME_BYTES);
  answers.forEach(({ request, status, answeredId = requestId(siteId, request.idempotencyKey) }, at) => {
    outcomes.writeUInt16LE(status, at * OUTCOME_BYTES);
    outcomes.write(answeredId, at * OUTCOME_BYTES + 2, 'latin1');
  });
  await writeFile(`${file}.outcomes`, outcomes);
  const ledger = createLedger();
  ledger.add([file], `${file}.outcomes`);
  return ledger.prove(connection);
}

describe('the proof that every 202 is in the stream', () => {
  let request: PooledRequest;
  beforeEach(async () => {
    await (await jetstreamManager(connection.nats)).streams.purge('EVENTS');
    request = makeRequest('good');
  });

  test('holds if the stream has what was answered, even if an unanswered one is stored', async () => {
    const unanswered = makeRequest('good');
    await store(request, bodyOf(request));
    await store(unanswered, bodyOf(unanswered));
    const answers = [
      { request, status: 202 },
      { request: unanswered, status: 0 },
    ];
    assert.deepEqual(await prove(answers), { accepted: 1, stored: 2, faults: [] });
  });

  const fault = async (expected: RegExp, answer: { status: number; answeredId?: string }): Promise<void> => {
    const { faults } = await prove([{ request, ...answer }]);
    assert.match(faults.join('\n'), expected);
  };

  test('fails if an accepted event is not stored', () => fault(/was accepted and is not stored/, { status: 202 }));

  test('fails if its body is another', async () => {
    await store(request, Buffer.from('{}'));
    await fault(/has another body/, { status: 202 });
  });

  test('fails if a key is stored twice', async () => {
    await store(request, bodyOf(request));
    await store(request, bodyOf(request), 'another-message-id');
    await fault(/is stored twice/, { status: 202 });
  });

  test('fails if the answer named another request id', async () => {
    await store(request, bodyOf(request));
    await fault(/was answered 0000/, { status: 202, answeredId: '0000' });
  });

  test('fails if something is stored that no one sent', async () => {
    const stranger = makeRequest('good');
    await store(stranger, bodyOf(stranger));
    await fault(/was never sent/, { status: 401 });
  });
});
