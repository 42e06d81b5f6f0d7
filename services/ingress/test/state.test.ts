import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { jetstream } from '@nats-io/jetstream';
import type { ProblemCode } from '@pressferry/contracts';
import { signedToken } from '@pressferry/testing';
import { descriptionOf } from './description.ts';
import { ask, becomes, createWorld, get, outcome, post, type Streams, startScene } from './world.ts';

const { world, ingress, site } = await startScene();
const description = await descriptionOf(ingress);

/** Takes the next event, as enricher does. */
async function take({ connection }: Streams): Promise<void> {
  const consumer = await jetstream(connection.nats).consumers.get('EVENTS', 'enricher');
  const message = await consumer.next({ expires: 5_000 });
  assert.ok(message);
  await message.ackAck();
}

test('an event is accepted until enricher has taken it, and processing from then on', async () => {
  const key = randomUUID();
  const { body } = await post(ingress, site, { event: { idempotency_key: key } });
  const before = await ask(ingress, site, key);
  assert.deepEqual([before.status, before.body.request_id, before.body.status], [200, body.request_id, 'accepted']);
  description.assertDescribes('/ingest/{idempotency_key}', 'get', before);
  await take(world);
  assert.equal((await ask(ingress, site, key)).body.status, 'processing');
});

test('a state is told for as long as the key is remembered, and not forever', async () => {
  await using apart = await createWorld({ dedupeWindowMs: 1_000 });
  await using other = await apart.start();
  const sender = await apart.site({}, other);
  const key = randomUUID();
  await post(other, sender, { event: { idempotency_key: key } });
  await take(apart);
  await becomes(() => ask(other, sender, key), 'event_unknown');
});

test("asking stores nothing: a key of no event, or of another site's, is 404 and can still be used", async () => {
  const key = randomUUID();
  const other = await world.site({}, ingress);
  await post(ingress, other, { event: { idempotency_key: key } });
  const unknown = await ask(ingress, site, key);
  assert.deepEqual([unknown.status, unknown.body.code], [404, 'event_unknown']);
  const { status, body } = await post(ingress, site, { event: { idempotency_key: key } });
  assert.deepEqual([status, body.duplicate], [202, false]);
});

const token = signedToken(site);
const CASES: [ProblemCode, name: string, key: string, authorization?: string][] = [
  ['event_unknown', 'no such event', randomUUID(), `Bearer ${token}`],
  ['token_replayed', 'the same token again', randomUUID(), `Bearer ${token}`],
  ['token_malformed', 'a token that is none', randomUUID(), 'Bearer a.b.c'],
  ['token_missing', 'no token', randomUUID()],
  ['parameter_invalid', 'a key that is no UUIDv4', 'all', `Bearer ${signedToken(site)}`],
  ['parameter_invalid', 'an empty key', '', `Bearer ${signedToken(site)}`],
];
for (const [code, name, key, authorization] of CASES)
  test(`${name}: ${code}, as it is described`, async () => {
    const answer = await get(ingress, `/ingest/${key}`, authorization === undefined ? {} : { authorization });
    assert.equal(outcome(answer), code);
    description.assertDescribes('/ingest/{idempotency_key}', 'get', answer);
  });
