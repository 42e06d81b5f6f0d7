import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeEvent, requestId } from '@pressferry/contracts';
import { openEventBody } from '@pressferry/runtime';
import { signedRequest } from '@pressferry/testing';
import type { Ingress } from '../src/app.ts';
import { createWorld, keyring, post, SEALING_KEYS, type World } from './world.ts';

const MARK = 'a visitor wrote this';

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

const stored = async (sequence: number): Promise<Uint8Array> => {
  const message = await world.manager.direct.getMessage('EVENTS', { seq: sequence });
  assert.ok(message);
  return message.data;
};

test('JetStream never sees what an event says, and only its own request id opens it', async () => {
  const site = await world.site({}, ingress);
  const { event } = signedRequest(site);
  const answer = await post(ingress.apiUrl, site, {
    event: { ...event, data: { form_id: '1', fields: { text: MARK } } },
  });
  assert.equal(answer.status, 202);
  const { state } = await world.manager.streams.info('EVENTS');
  const bytes = await stored(state.last_seq);
  assert.ok(!Buffer.from(bytes).includes(MARK), 'the body lies in clear');
  const { body } = decodeEvent(bytes);
  const id = requestId(site.siteId, String(event.idempotency_key));
  assert.match(Buffer.from(openEventBody(keyring, body, id)).toString(), new RegExp(MARK));
  const otherId = requestId(site.siteId, '11111111-1111-4111-8111-111111111111');
  assert.throws(() => openEventBody(keyring, body, otherId), /does not open/);
});

test('a repeat is compared with the sealed first body: the same is a duplicate, another one is refused', async () => {
  const site = await world.site({}, ingress);
  const { event } = signedRequest(site);
  assert.equal((await post(ingress.apiUrl, site, { event })).status, 202);
  const again = await post(ingress.apiUrl, site, { event });
  assert.deepEqual([again.status, again.body.duplicate], [202, true]);
  const other = await post(ingress.apiUrl, site, { event: { ...event, object_ref: 'another' } });
  assert.equal(other.body.code, 'idempotency_key_reused');
});

test('a repeat of an event that was sealed under a key since removed is asked to come back, not taken for another', async () => {
  const other = `k9:${Buffer.alloc(32, 9).toString('base64')}`;
  await using old = await world.start({ SEALING_KEYS: `${other},${SEALING_KEYS}` });
  const site = await world.site({}, ingress, old);
  const { event } = signedRequest(site);
  assert.equal((await post(old.apiUrl, site, { event })).status, 202);
  const repeated = await post(ingress.apiUrl, site, { event });
  assert.deepEqual([repeated.status, repeated.body.code], [503, 'stream_unavailable']);
});
