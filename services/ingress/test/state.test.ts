import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { jetstream } from '@nats-io/jetstream';
import { signedToken, type TestSender, waitFor } from '@pressferry/testing';
import type { Ingress } from '../src/app.ts';
import { type Answer, createWorld, post, sendAs, type World } from './world.ts';

let world: World;
let ingress: Ingress;
before(async () => {
  world = await createWorld();
  ingress = await world.start();
});
after(async () => {
  await ingress[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const ask = (site: TestSender, key: string, token = signedToken(site)): Promise<Answer> =>
  sendAs(ingress.apiUrl, { method: 'GET', path: `/ingest/${key}`, headers: { authorization: `Bearer ${token}` } });

test('an event is accepted until enricher has taken it, and processing from then on', async () => {
  const site = await world.site({}, ingress);
  const key = randomUUID();
  const { body } = await post(ingress.apiUrl, site, { event: { idempotency_key: key } });
  const before = await ask(site, key);
  assert.equal(before.status, 200);
  assert.deepEqual([before.body.request_id, before.body.status], [body.request_id, 'accepted']);

  const consumer = await jetstream(world.connection.nats).consumers.get('EVENTS', 'enricher');
  const message = await consumer.next({ expires: 5_000 });
  assert.ok(message);
  await message.ackAck();
  assert.equal((await ask(site, key)).body.status, 'processing');
});

test('a state is told for as long as the key is remembered, and not forever', async () => {
  await using apart = await createWorld({ dedupeWindowMs: 1_000 });
  await using other = await apart.start();
  const site = await apart.site({}, other);
  const key = randomUUID();
  await post(other.apiUrl, site, { event: { idempotency_key: key } });
  const consumer = await jetstream(apart.connection.nats).consumers.get('EVENTS', 'enricher');
  await (await consumer.next({ expires: 5_000 }))?.ackAck();
  const state = async (): Promise<number | string | undefined> => {
    const headers = { authorization: `Bearer ${signedToken(site)}` };
    const { body } = await sendAs(other.apiUrl, { method: 'GET', path: `/ingest/${key}`, headers });
    return body.code ?? body.status;
  };
  await waitFor(async () => (await state()) === 'event_unknown', { what: 'the end of the window' });
});

test('asking stores nothing: an unknown key is 404 and can still be used', async () => {
  const site = await world.site({}, ingress);
  const key = randomUUID();
  const unknown = await ask(site, key);
  assert.deepEqual([unknown.status, unknown.body.code], [404, 'event_unknown']);
  const { status, body } = await post(ingress.apiUrl, site, { event: { idempotency_key: key } });
  assert.deepEqual([status, body.duplicate], [202, false]);
  assert.equal((await world.events(site.siteId)).length, 1);
});

test("a site is not told of another site's events", async () => {
  const [site, other] = [await world.site({}, ingress), await world.site({}, ingress)];
  const key = randomUUID();
  await post(ingress.apiUrl, site, { event: { idempotency_key: key } });
  assert.equal((await ask(other, key)).status, 404);
});

test('the token is verified and serves once; the key must be a UUIDv4', async () => {
  const site = await world.site({}, ingress);
  const key = randomUUID();
  assert.equal((await ask(site, key, 'a.b.c')).body.code, 'token_malformed');
  assert.equal((await ask(site, 'all')).body.code, 'parameter_invalid');
  const token = signedToken(site);
  assert.equal((await ask(site, key, token)).status, 404);
  assert.equal((await ask(site, key, token)).body.code, 'token_replayed');
});
