import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { decodeResult } from '@pressferry/contracts';
import { createPublisher } from '@pressferry/jetstream';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { type Outgoing, startOutbox } from '../src/results/outbox.ts';
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
  await using outbox = startOutbox({
    db: world.db,
    publisher: createPublisher(world.connection, 30_000),
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

test('a result that Postgres refuses to mark as published keeps no other from being marked', async () => {
  await using world = await startWorld(postgres);
  const errors: unknown[] = [];
  await using outbox = startOutbox({
    db: world.db,
    publisher: createPublisher(world.connection, 30_000),
    publishDeadLetter: async () => true,
    ...{ shards: 1, sweepMs: 1_000, untilReady: async () => undefined },
    metrics: { result: () => undefined },
    onError: (error) => void errors.push(error),
    onSwept: () => undefined,
  });
  const failed = ['site-a', 'site-b', 'site-1'].map((siteId) => ({
    ...resultOf(siteId),
    failureCode: 'vendor_refused',
  }));
  for (const { resultId, runId, requestId, siteId, filedAt } of failed) {
    await world.db
      .insertInto('results')
      .values({
        ...{ filed_at: filedAt, result_id: resultId, run_id: runId, request_id: requestId, site_id: siteId },
        ...{ sealed_body: 'sealed', completed_at: filedAt },
      })
      .execute();
  }
  await sql`create function refuse_mark() returns trigger language plpgsql as $$
    begin
      if new.site_id = 'site-b' then raise check_violation using message = 'refused by the test'; end if;
      return new;
    end $$`.execute(world.db);
  await sql`create trigger refuse_mark before update on results for each row execute function refuse_mark()`.execute(
    world.db,
  );
  for (const result of failed) outbox.publish(result);
  const marked = () =>
    world.db.selectFrom('results').select('site_id').where('published_at', 'is not', null).orderBy('site_id').execute();
  await waitFor(async () => (await marked()).length === 2, { what: 'two marks' });
  assert.deepEqual(
    (await marked()).map(({ site_id }) => site_id),
    ['site-1', 'site-a'],
  );
  await waitFor(() => errors.length > 0, { what: 'the refused mark to be told' });
  assert.match(String(errors[0]), /refused by the test/);
});
