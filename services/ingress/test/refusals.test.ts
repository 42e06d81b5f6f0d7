import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { PROBLEMS, type ProblemCode } from '@pressferry/contracts';
import { type RequestOverrides, rsaKeyPair, signedRequest, signedToken, type TestSender } from '@pressferry/testing';
import type { Ingress } from '../src/app.ts';
import { createWorld, post, send, sendAs, type World } from './world.ts';

let world: World;
let ingress: Ingress;
let sender: TestSender;
before(async () => {
  world = await createWorld();
  ingress = await world.start();
  sender = await world.site({}, ingress);
});
after(async () => {
  await ingress[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const nowS = (): number => Math.floor(Date.now() / 1000);
const iso = (offsetMs: number): string => new Date(Date.now() + offsetMs).toISOString();
const HOUR_MS = 3_600_000;

/** A body of exactly so many bytes, valid in all else. */
function bodyOfBytes(bytes: number): string {
  const event = signedRequest(sender).event;
  const make = (filler: string): string =>
    JSON.stringify({ ...event, data: { form_id: '1', fields: { message: 'x' }, filler } });
  return make('x'.repeat(bytes - make('').length));
}

const keyless = (event: Record<string, unknown>): string => JSON.stringify({ ...event, idempotency_key: 'not-a-uuid' });

type Case = [code: ProblemCode, name: string, overrides: RequestOverrides | (() => RequestOverrides)];

const CASES: Case[] = [
  ['token_missing', 'no Authorization', { headers: { authorization: undefined } }],
  ['token_missing', 'basic authentication', { headers: { authorization: 'Basic dTpw' } }],
  ['token_malformed', 'a token that is no JWT', { headers: { authorization: 'Bearer abc.def' } }],
  ['token_expired', 'an expired token', () => ({ claims: { iat: nowS() - 400, exp: nowS() - 100 } })],
  ['token_not_yet_valid', 'a token from the future', () => ({ claims: { iat: nowS() + 120, exp: nowS() + 240 } })],
  ['token_lifetime_too_long', 'a token that lives 301 s', () => ({ claims: { iat: nowS(), exp: nowS() + 301 } })],
  ['token_key_unknown', 'an unknown kid', { tokenHeader: { kid: 'other' } }],
  ['token_issuer_mismatch', 'a wrong iss', { claims: { iss: 'https://evil.example' } }],
  ['token_audience_mismatch', 'a wrong aud', { claims: { aud: 'other' } }],
  ['site_unknown', 'a sub of no site', { claims: { sub: 'nobody' } }],
  ['site_unknown', 'a sub that is not a site id', { claims: { sub: '*.>' } }],
  ['token_claims_invalid', 'no sub', { claims: { sub: undefined } }],
  ['token_claims_invalid', 'no jti', { claims: { jti: undefined } }],
  ['token_claims_invalid', 'a jti that breaks headers', { claims: { jti: 'a\r\nNats-Msg-Id: b' } }],
  ['signature_mismatch', 'a wrong HMAC', { headers: { 'x-signature': `sha256=${'0'.repeat(64)}` } }],
  ['signature_mismatch', 'an altered body', { bodyAfterSigning: '{"event_type":"form.submitted"}' }],
  ['header_missing', 'no X-Signature', { headers: { 'x-signature': undefined } }],
  ['header_malformed', 'an X-Signature in upper case', { headers: { 'x-signature': `sha256=${'A'.repeat(64)}` } }],
  ['header_missing', 'no X-Idempotency-Key', { headers: { 'x-idempotency-key': undefined } }],
  [
    'header_malformed',
    'a key that is no UUIDv4',
    { headers: { 'x-idempotency-key': '11111111-1111-1111-8111-111111111111' } },
  ],
  ['idempotency_key_mismatch', 'another key in the header', { headers: { 'x-idempotency-key': randomUUID() } }],
  [
    'envelope_invalid',
    'a key in the body that is no UUIDv4',
    () => ({ body: keyless(signedRequest(sender).event), headers: { 'x-idempotency-key': randomUUID() } }),
  ],
  ['envelope_invalid', 'an unknown member', { event: { extra: 1 } }],
  ['envelope_invalid', 'an empty object_ref', { event: { object_ref: '' } }],
  ['envelope_invalid', 'a NUL in object_ref, which Postgres stores in no text', { event: { object_ref: 'a\u0000b' } }],
  ['envelope_invalid', 'line breaks in object_ref', { event: { object_ref: 'a\r\nb' } }],
  ['envelope_invalid', 'a C1 control character in object_ref', { event: { object_ref: 'a\u0085b' } }],
  ['envelope_invalid', 'an array', { body: '[]', headers: { 'x-idempotency-key': randomUUID() } }],
  ['event_type_unknown', 'an unknown event type', { event: { event_type: 'form.unheard_of' } }],
  ['data_invalid', 'data that does not match its schema', { event: { data: { fields: 'none' } } }],
  ['timestamp_drift', 'an old occurred_at without sent_at', () => ({ event: { occurred_at: iso(-301_000) } })],
  ['timestamp_drift', 'an old sent_at', () => ({ event: { sent_at: iso(-301_000) } })],
  [
    'timestamp_drift',
    'an occurred_at older than 72 h',
    () => ({ event: { occurred_at: iso(-73 * HOUR_MS), sent_at: iso(0) } }),
  ],
  ['content_type_unsupported', 'a form', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
  [
    'content_type_unsupported',
    'JSON in another charset',
    { headers: { 'content-type': 'application/json; charset=latin1' } },
  ],
  ['content_type_unsupported', 'no content type', { headers: { 'content-type': undefined } }],
  ['content_encoding_unsupported', 'a compressed body', { headers: { 'content-encoding': 'gzip' } }],
  ['body_too_large', '256 KiB + 1', () => ({ body: bodyOfBytes(262_145) })],
  ['body_empty', 'no body', { body: '', headers: { 'x-idempotency-key': randomUUID() } }],
  ['body_not_json', 'no JSON', { body: '{"event_type":', headers: { 'x-idempotency-key': randomUUID() } }],
  [
    'json_key_repeated',
    'a member named twice',
    { body: '{"data":{},"d\\u0061ta":{}}', headers: { 'x-idempotency-key': randomUUID() } },
  ],
  [
    'json_too_complex',
    'a deep nest',
    { body: `{"data":${'['.repeat(40)}${']'.repeat(40)}}`, headers: { 'x-idempotency-key': randomUUID() } },
  ],
];

describe('refused with its status and code', () => {
  for (const [code, name, overrides] of CASES) {
    test(`${name}: ${code}`, async () => {
      const answer = await post(ingress.apiUrl, sender, typeof overrides === 'function' ? overrides() : overrides);
      assert.equal(answer.body.code, code);
      assert.equal(answer.status, PROBLEMS[code][0]);
      assert.equal(answer.headers['content-type'], 'application/problem+json');
      assert.equal(answer.body.type, `https://pressferry.dev/problems#${code}`);
      if (answer.status === 401) assert.equal(answer.headers['www-authenticate'], 'Bearer');
    });
  }

  test('alg none: token_algorithm_refused', async () => {
    const answer = await post(ingress.apiUrl, { ...sender, alg: 'none' });
    assert.equal(answer.body.code, 'token_algorithm_refused');
  });

  test('HS256 with the public key as its secret: token_algorithm_refused', async () => {
    const forged = signedToken({ ...sender, alg: 'HS256', hmacSecret: rsaKeyPair(0).publicPem });
    const answer = await post(ingress.apiUrl, sender, { headers: { authorization: `Bearer ${forged}` } });
    assert.equal(answer.body.code, 'token_algorithm_refused');
  });

  test("another key's signature: token_signature_invalid", async () => {
    const answer = await post(ingress.apiUrl, { ...sender, privateKey: rsaKeyPair(1).privateKey });
    assert.equal(answer.body.code, 'token_signature_invalid');
  });

  test('invalid UTF-8: body_not_utf8', async () => {
    const body = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    const signature = `sha256=${createHmac('sha256', sender.hmacSecret).update(body).digest('hex')}`;
    const { headers } = signedRequest(sender, { headers: { 'x-signature': signature } });
    const answer = await sendAs(ingress.apiUrl, { method: 'POST', path: '/ingest', headers, body });
    assert.equal(answer.body.code, 'body_not_utf8');
  });

  test('a chunked body beyond the limit is cut off while it is read: body_too_large', async () => {
    const request = signedRequest(sender, { body: bodyOfBytes(400_000) });
    const headers = { ...request.headers, 'transfer-encoding': 'chunked' };
    const answer = await sendAs(ingress.apiUrl, { method: 'POST', path: '/ingest', headers, body: request.body });
    assert.equal(answer.body.code, 'body_too_large');
    assert.equal(answer.status, 413);
  });

  for (const name of ['authorization', 'x-signature', 'x-idempotency-key', 'content-type', 'traceparent']) {
    test(`${name} sent twice: header_repeated`, async () => {
      const request = signedRequest(sender, { headers: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } });
      const twice = [...Object.entries(request.headers).flat(), name, request.headers[name] ?? ''];
      const headers = [...twice, 'host', 'localhost', 'content-length', String(Buffer.byteLength(request.body))];
      const answer = await sendAs(ingress.apiUrl, { method: 'POST', path: '/ingest', headers, body: request.body });
      assert.equal(answer.body.code, 'header_repeated');
      assert.equal(answer.body.detail, name);
    });
  }

  test('another path, another method: not_found, method_not_allowed with Allow', async () => {
    const elsewhere = await send(ingress.apiUrl, signedRequest(sender), '/ingests');
    assert.deepEqual([elsewhere.status, elsewhere.body.code], [404, 'not_found']);
    const wrong = await sendAs(ingress.apiUrl, { method: 'PUT', path: '/ingest', headers: {}, body: '{}' });
    assert.deepEqual([wrong.status, wrong.body.code, wrong.headers.allow], [405, 'method_not_allowed', 'POST']);
  });

  test('nothing of all that was published', async () => {
    assert.deepEqual(await world.events(sender.siteId), []);
  });
});

test('a body of exactly 262,144 bytes is accepted', async () => {
  // Only the envelope is strict; whether `filler` fits is up to the schema of the type.
  const answer = await post(ingress.apiUrl, sender, { body: bodyOfBytes(262_144) });
  assert.notEqual(answer.body.code, 'body_too_large');
});

test('a valid event is accepted once and stored byte for byte, with the headers of CloudEvents and the trace', async () => {
  const site = await world.site({}, ingress);
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const request = signedRequest(site, { headers: { traceparent } });
  const answer = await send(ingress.apiUrl, request);
  assert.equal(answer.status, 202);
  assert.deepEqual(Object.keys(answer.body).sort(), ['duplicate', 'request_id', 'status']);
  assert.equal(answer.body.status, 'accepted');
  assert.equal(answer.body.duplicate, false);
  const [event] = await world.events(site.siteId);
  assert.ok(event);
  assert.equal(Buffer.from(event.body).toString(), request.body);
  assert.equal(event.requestId, answer.body.request_id);
  assert.equal(event.mode, 'live');
  const stored = await world.manager.direct.getMessage('EVENTS', {
    last_by_subj: `pf.event.0.${site.siteId}.form.submitted`,
  });
  assert.equal(stored?.header.get('ce-id'), event.requestId);
  assert.equal(stored?.header.get('traceparent'), traceparent);
});

test('a token serves one request: the second use is refused and publishes nothing', async () => {
  const site = await world.site({}, ingress);
  const claims = { jti: randomUUID() };
  assert.equal((await post(ingress.apiUrl, site, { claims })).status, 202);
  const second = await post(ingress.apiUrl, site, { claims });
  assert.deepEqual([second.status, second.body.code], [401, 'token_replayed']);
  assert.equal((await world.events(site.siteId)).length, 1);
});

test('a repeat of a key gets the same request_id and enqueues nothing; another body under it is 422', async () => {
  const site = await world.site({}, ingress);
  const event = { idempotency_key: randomUUID(), occurred_at: iso(0) };
  const first = await post(ingress.apiUrl, site, { event });
  const repeat = await post(ingress.apiUrl, site, { event: { ...event, sent_at: iso(1_000) } });
  assert.equal(repeat.status, 202);
  assert.deepEqual(repeat.body, { ...first.body, duplicate: true });
  assert.equal(repeat.headers['idempotent-replayed'], 'true');
  const other = await post(ingress.apiUrl, site, { event: { ...event, object_ref: 'entry-2' } });
  assert.deepEqual([other.status, other.body.code], [422, 'idempotency_key_reused']);
  assert.equal((await world.events(site.siteId)).length, 1);
});

test('a member named __proto__ is data like any other: harmless, refused if the schema names all members', async () => {
  const site = await world.site({}, ingress);
  const { event } = signedRequest(site);
  const body = JSON.stringify(event).replace('"form_id"', '"__proto__":{"polluted":1},"form_id"');
  const answer = await post(ingress.apiUrl, site, { event, body });
  assert.equal(answer.body.code, 'data_invalid');
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});

test('an event that waited in an outbox is accepted when sent_at is fresh', async () => {
  const site = await world.site({}, ingress);
  const answer = await post(ingress.apiUrl, site, { event: { occurred_at: iso(-71 * HOUR_MS), sent_at: iso(0) } });
  assert.equal(answer.status, 202);
});
