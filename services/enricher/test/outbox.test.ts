import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { decodeResult } from '@pressferry/contracts';
import { createPublisher } from '@pressferry/jetstream';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { createOutbox, type Outgoing } from '../src/results/outbox.ts';
import { startWorld, testPostgres, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const resultOf = (siteId: string): Outgoing => ({
  ...{ resultId: randomUUID(), runId: randomUUID(), requestId: randomUUID(), siteId },
  filedAt: new Date().toISOString(),
  ...{ completedAtMs: Date.now(), traceparent: null, failureCode: null },
});

async function messagesOf({ connection }: World) {
  const { streams } = await jetstreamManager(connection.nats);
  const { state } = await streams.info('RESULTS');
  const messages = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await streams.getMessage('RESULTS', { seq });
    if (message !== null) messages.push({ subject: message.subject, ...decodeResult(message.data) });
  }
  return messages;
}

test('results that are stored together wake callback once for each site, and the next ones wake it again', async () => {
  await using world = await startWorld(postgres);
  let published = 0;
  const outbox = createOutbox({
    db: world.db,
    publisher: createPublisher(world.connection, 2_000),
    publishDeadLetter: async () => true,
    ...{ shards: 1, sweepMs: 60_000, untilReady: async () => undefined },
    metrics: { result: () => void published++ },
    onError: (error) => assert.fail(String(error)),
    onSwept: () => assert.fail('nothing was left behind'),
  });
  const sites = ['site-a', 'site-b', 'noisy'];
  const together = sites.flatMap((siteId) => [resultOf(siteId), resultOf(siteId), resultOf(siteId)]);
  for (const result of together) outbox.publish(result);
  await waitFor(() => published === 3, { what: 'three messages' });
  const first = await messagesOf(world);
  assert.deepEqual(first.map(({ subject }) => subject).sort(), sites.map((siteId) => `pf.result.0.${siteId}`).sort());
  for (const { resultId, siteId } of first)
    assert.ok(together.some((one) => one.resultId === resultId && one.siteId === siteId));

  const next = resultOf('site-a');
  outbox.publish(next);
  await waitFor(() => published === 4, { what: 'the fourth message' });
  assert.equal((await messagesOf(world)).at(-1)?.resultId, next.resultId);
});
