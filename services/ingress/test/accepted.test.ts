import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { decodeEvent, requestId } from '@pressferry/contracts';
import { openEventBody } from '@pressferry/runtime';
import { signedRequest } from '@pressferry/testing';
import { descriptionOf } from './description.ts';
import { keyring, outcome, post, SEALING_KEYS, send, startScene } from './world.ts';

const { world, ingress } = await startScene();
const description = await descriptionOf(ingress);
const iso = (offsetMs: number): string => new Date(Date.now() + offsetMs).toISOString();

test('a valid event is accepted once and stored byte for byte, sealed, with the headers of CloudEvents and the trace', async () => {
  const site = await world.site({}, ingress);
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const request = signedRequest(site, { headers: { traceparent } });
  const answer = await send(ingress, request);
  const id = requestId(site.siteId, request.idempotencyKey);
  assert.deepEqual([answer.status, answer.body], [202, { request_id: id, status: 'accepted', duplicate: false }]);
  description.assertDescribes('/ingest', 'post', answer);
  const [event, ...more] = await world.events(site.siteId);
  assert.deepEqual([event?.requestId, event?.mode, more.length], [id, 'live', 0]);
  assert.equal(Buffer.from(event?.body ?? '').toString(), request.body);
  assert.equal(await world.lastHeader(site.siteId, 'ce-id'), id);
  assert.equal(await world.lastHeader(site.siteId, 'traceparent'), traceparent);
  // JetStream never sees what an event says, and only its own request id opens it.
  const { state } = await world.manager.streams.info('EVENTS');
  const stored = await world.manager.direct.getMessage('EVENTS', { seq: state.last_seq });
  assert.ok(stored && !Buffer.from(stored.data).includes('Hello') && request.body.includes('Hello'));
  const otherId = requestId(site.siteId, randomUUID());
  assert.throws(() => openEventBody(keyring, decodeEvent(stored.data).body, otherId), /does not open/);
});

for (const bad of [undefined, 'nonsense', `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`, `ff-${'a'.repeat(32)}`])
  test(`a trace starts again if traceparent is ${bad ?? 'absent'}`, async () => {
    const site = await world.site({}, ingress);
    await post(ingress, site, { headers: { traceparent: bad } });
    const stored = await world.lastHeader(site.siteId, 'traceparent');
    assert.match(stored ?? '', /^00-(?!0{32}|a{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

test('a repeat of a key gets the same request_id and enqueues nothing; another body under it is 422', async () => {
  const site = await world.site({}, ingress);
  const event = { idempotency_key: randomUUID(), occurred_at: iso(0) };
  const first = await post(ingress, site, { event });
  const repeat = await post(ingress, site, { event: { ...event, sent_at: iso(1_000) } });
  assert.deepEqual([repeat.status, repeat.body], [202, { ...first.body, duplicate: true }]);
  assert.deepEqual(
    [first, repeat].map(({ headers }) => headers['idempotent-replayed']),
    [undefined, 'true'],
  );
  description.assertDescribes('/ingest', 'post', repeat);
  const other = await post(ingress, site, { event: { ...event, object_ref: 'entry-2' } });
  assert.deepEqual([other.status, other.body.code], [422, 'idempotency_key_reused']);
  assert.equal((await world.events(site.siteId)).length, 1);
});

test('a repeat of an event that was sealed under a key since removed is asked to come back, not taken for another', async () => {
  const other = `k9:${Buffer.alloc(32, 9).toString('base64')}`;
  await using old = await world.start({ SEALING_KEYS: `${other},${SEALING_KEYS}` });
  const site = await world.site({}, ingress, old);
  const { event } = signedRequest(site);
  assert.equal(outcome(await post(old, site, { event })), 202);
  const repeated = await post(ingress, site, { event });
  assert.deepEqual([repeated.status, repeated.body.code], [503, 'stream_unavailable']);
});

test('a member named __proto__ is data like any other: harmless, refused if the schema names all members', async () => {
  const site = await world.site({}, ingress);
  const { event } = signedRequest(site);
  const body = JSON.stringify(event).replace('"form_id"', '"__proto__":{"polluted":1},"form_id"');
  assert.equal(outcome(await post(ingress, site, { event, body })), 'data_invalid');
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});

test('an event that waited in an outbox is accepted when sent_at is fresh', async () => {
  const event = { occurred_at: iso(-71 * 3_600_000), sent_at: iso(0) };
  assert.equal(outcome(await post(ingress, await world.site({}, ingress), { event })), 202);
});
