import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { PROBLEMS, type ProblemCode } from '@pressferry/contracts';
import { type RequestOverrides, rsaKeyPair, signedRequest, signedToken, startTestNats } from '@pressferry/testing';
import { REFUSALS } from '../src/openapi/refusals.ts';
import { descriptionOf } from './description.ts';
import { openWire } from './wire.ts';
import { type Answer, becomes, get, outcome, post, sendAs, startScene, type Target, type World } from './world.ts';

const { world, ingress, site } = await startScene();
/** Whose events may be stored, unlike those of `site`. */
const spare = await world.site({}, ingress);
const description = await descriptionOf(ingress);

const nowS = Math.floor(Date.now() / 1000);
const iso = (offsetMs: number): string => new Date(Date.now() + offsetMs).toISOString();
const HOUR_MS = 3_600_000;
const TRACEPARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

type Provoke = () => Promise<Answer>;
const sent =
  (overrides: RequestOverrides): Provoke =>
  () =>
    post(ingress, site, overrides);
const header = (name: string, value: string | undefined): Provoke => sent({ headers: { [name]: value } });
const event = (members: Record<string, unknown>): Provoke => sent({ event: members });
const claims = (members: Record<string, unknown>): Provoke => sent({ claims: members });
/** A body with a valid key next to it, so the body alone is at fault. */
const body = (text: string): Provoke => sent({ body: text, headers: { 'x-idempotency-key': randomUUID() } });
const raw = (request: RequestOverrides, list: string[] | null, bytes: string | Buffer): Promise<Answer> => {
  const { headers } = signedRequest(site, request);
  const all = list === null ? headers : [...Object.entries(headers).flat(), ...list];
  return sendAs(ingress, { method: 'POST', path: '/ingest', headers: all, body: bytes });
};
const signed = (bytes: Buffer): RequestOverrides => ({
  headers: { 'x-signature': `sha256=${createHmac('sha256', site.hmacSecret).update(bytes).digest('hex')}` },
});

async function twice(first: RequestOverrides, second = first): Promise<Answer> {
  await post(ingress, spare, first);
  return post(ingress, spare, second);
}

/** Sends an event of a site of its own. */
const fromSite =
  (members: Parameters<World['site']>[0], times = 1): Provoke =>
  async () => {
    const own = await world.site(members, ingress);
    for (let time = 1; time < times; time++) await post(ingress, own);
    return post(ingress, own);
  };

/** Asks an ingress of its own. */
const another =
  (env: Record<string, string>, ask: (other: Target) => Promise<Answer> = (other) => post(other, spare)): Provoke =>
  async () => {
    await using other = await world.start(env);
    return await ask(other);
  };

/** Writes bytes that need be no HTTP. */
async function written(to: Target, bytes: string): Promise<Answer> {
  using wire = await openWire(to.apiUrl);
  wire.write(bytes);
  const { status, headers, body: text } = await wire.next();
  return { status, headers, body: JSON.parse(text) };
}

/** A body of exactly so many bytes, valid in all else. */
function bodyOfBytes(bytes: number): string {
  const make = (filler: string): string =>
    JSON.stringify({ ...signedRequest(site).event, data: { form_id: '1', fields: { message: 'x' }, filler } });
  return make('x'.repeat(bytes - make('').length));
}

const NEST = `{"data":${'['.repeat(40)}${']'.repeat(40)}}`;
const NOT_UTF8 = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);

/** What makes `POST /ingest` refuse with each code. */
const CASES: [ProblemCode, name: string, Provoke][] = [
  ['request_malformed', 'no HTTP', () => written(ingress, 'NOT HTTP\r\n\r\n')],
  [
    'header_too_large',
    'a large header',
    () => written(ingress, `POST /ingest HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`),
  ],
  [
    'request_timeout',
    'half a head',
    another({ HEADERS_TIMEOUT_MS: '500', REQUEST_TIMEOUT_MS: '1000' }, (other) =>
      written(other, 'POST /ingest HTTP/1.1\r\nhost: x\r\n'),
    ),
  ],
  ['https_required', 'plain HTTP', another({ INSECURE: 'false' })],
  ['ip_not_allowed', 'another address', another({ IP_ALLOW: '192.0.2.0/24' })],
  [
    'rate_limited_ip',
    'a second request from an address of one',
    another({ RATE_LIMIT_IP_PER_MINUTE: '1', RATE_LIMIT_IP_BURST: '1' }, async (other) => {
      await post(other, spare);
      return post(other, spare);
    }),
  ],
  [
    'rate_limited_site',
    'a second of a site of one',
    fromSite({ settings: { rate_limit: { per_minute: 1, burst: 1 } } }, 2),
  ],
  [
    'overloaded',
    'two at once for one place',
    another({ MAX_IN_FLIGHT: '1' }, async (other) => {
      await becomes(() => post(other, spare), 202);
      return becomes(async () => {
        const answers = await Promise.all(Array.from({ length: 20 }, () => post(other, spare)));
        return answers.find(({ status }) => status === 503) ?? (answers[0] as Answer);
      }, 'overloaded');
    }),
  ],
  [
    'registry_unavailable',
    'no bucket of sites',
    async () => {
      await using nats = await startTestNats();
      return await another({ NATS_URL: nats.url })();
    },
  ],
  ['token_missing', 'no Authorization', header('authorization', undefined)],
  ['token_missing', 'basic authentication', header('authorization', 'Basic dTpw')],
  ['token_malformed', 'a token that is no JWT', header('authorization', 'Bearer abc.def')],
  ['token_expired', 'an expired token', claims({ iat: nowS - 400, exp: nowS - 100 })],
  ['token_not_yet_valid', 'a token from the future', claims({ iat: nowS + 2_000, exp: nowS + 2_100 })],
  ['token_lifetime_too_long', 'a token that lives 301 s', claims({ iat: nowS, exp: nowS + 301 })],
  ['token_key_unknown', 'an unknown kid', sent({ tokenHeader: { kid: 'other' } })],
  ['token_issuer_mismatch', 'a wrong iss', claims({ iss: 'https://evil.example' })],
  ['token_audience_mismatch', 'a wrong aud', claims({ aud: 'other' })],
  ['token_algorithm_refused', 'alg none', () => post(ingress, { ...site, alg: 'none' })],
  [
    'token_algorithm_refused',
    'HS256 with the public key as its secret',
    () => {
      const forged = signedToken({ ...site, alg: 'HS256', hmacSecret: rsaKeyPair(0).publicPem });
      return header('authorization', `Bearer ${forged}`)();
    },
  ],
  [
    'token_signature_invalid',
    "another key's signature",
    () => post(ingress, { ...site, privateKey: rsaKeyPair(1).privateKey }),
  ],
  ['token_claims_invalid', 'no sub', claims({ sub: undefined })],
  ['token_claims_invalid', 'no jti', claims({ jti: undefined })],
  ['token_claims_invalid', 'a jti that breaks headers', claims({ jti: 'a\r\nNats-Msg-Id: b' })],
  ['token_replayed', 'a token used twice', () => twice({ claims: { jti: randomUUID() } })],
  ['site_unknown', 'a sub of no site', claims({ sub: 'nobody' })],
  ['site_unknown', 'a sub that is not a site id', claims({ sub: '*.>' })],
  ['site_disabled', 'a disabled site', fromSite({ status: 'disabled' })],
  [
    'site_backlog_full',
    'a paused site that holds no more',
    fromSite({ status: 'paused', settings: { max_held_events: 0 } }),
  ],
  ['event_type_off', 'a type that is off', fromSite({ settings: { event_types: { 'form.submitted': 'off' } } })],
  ['signature_mismatch', 'a wrong HMAC', header('x-signature', `sha256=${'0'.repeat(64)}`)],
  ['signature_mismatch', 'an altered body', sent({ bodyAfterSigning: '{"event_type":"form.submitted"}' })],
  ['header_missing', 'no X-Signature', header('x-signature', undefined)],
  ['header_malformed', 'an X-Signature in upper case', header('x-signature', `sha256=${'A'.repeat(64)}`)],
  ['header_missing', 'no X-Idempotency-Key', header('x-idempotency-key', undefined)],
  ['header_malformed', 'a UUIDv1 as key', header('x-idempotency-key', '11111111-1111-1111-8111-111111111111')],
  ['idempotency_key_mismatch', 'another key in the header', header('x-idempotency-key', randomUUID())],
  [
    'idempotency_key_reused',
    'another event under its key',
    () => {
      const first = { event: { idempotency_key: randomUUID() } };
      return twice(first, { event: { ...first.event, object_ref: 'other' } });
    },
  ],
  [
    'envelope_invalid',
    'a key in the body that is no UUID',
    body(JSON.stringify({ ...signedRequest(site).event, idempotency_key: 'a' })),
  ],
  ['envelope_invalid', 'an unknown member', event({ extra: 1 })],
  ['envelope_invalid', 'an empty object_ref', event({ object_ref: '' })],
  ['envelope_invalid', 'a NUL in object_ref, which Postgres stores in no text', event({ object_ref: 'a\u0000b' })],
  ['envelope_invalid', 'line breaks in object_ref', event({ object_ref: 'a\r\nb' })],
  ['envelope_invalid', 'a C1 control character in object_ref', event({ object_ref: 'a\u0085b' })],
  ['envelope_invalid', 'an array', body('[]')],
  ['event_type_unknown', 'an unknown event type', event({ event_type: 'form.unheard_of' })],
  ['data_invalid', 'data that does not match its schema', event({ data: { fields: 'none' } })],
  ['timestamp_drift', 'an old occurred_at without sent_at', event({ occurred_at: iso(-301_000) })],
  ['timestamp_drift', 'an old sent_at', event({ sent_at: iso(-301_000) })],
  ['timestamp_drift', 'an occurred_at older than 72 h', event({ occurred_at: iso(-73 * HOUR_MS), sent_at: iso(0) })],
  ['content_type_unsupported', 'a form', header('content-type', 'application/x-www-form-urlencoded')],
  ['content_type_unsupported', 'JSON in another charset', header('content-type', 'application/json; charset=latin1')],
  ['content_type_unsupported', 'no content type', header('content-type', undefined)],
  ['content_encoding_unsupported', 'a compressed body', header('content-encoding', 'gzip')],
  ['body_too_large', '256 KiB + 1', body(bodyOfBytes(262_145))],
  [
    'body_too_large',
    'a chunked body beyond the limit, cut off while it is read',
    () => raw({}, ['transfer-encoding', 'chunked', 'host', 'x'], bodyOfBytes(400_000)),
  ],
  ['body_empty', 'no body', body('')],
  ['body_not_utf8', 'invalid UTF-8', () => raw(signed(NOT_UTF8), null, NOT_UTF8)],
  ['body_not_json', 'no JSON', body('{"event_type":')],
  ['json_key_repeated', 'a member named twice', body('{"data":{},"d\\u0061ta":{}}')],
  ['json_too_complex', 'a deep nest', body(NEST)],
  ...['authorization', 'x-signature', 'x-idempotency-key', 'content-type', 'traceparent'].map(
    (name): [ProblemCode, string, Provoke] => [
      'header_repeated',
      `${name} sent twice`,
      () => {
        const headers = [name, 'x', 'host', 'localhost', 'content-length', '2'];
        return raw({ headers: { traceparent: TRACEPARENT } }, headers, '{}');
      },
    ],
  ),
];

/** Provoked elsewhere: the streams' by faults.test.ts, and a fault of our own, of which there is none to show, by answer.test.ts. */
const ELSEWHERE: ProblemCode[] = ['stream_full', 'stream_unavailable', 'internal_error'];

test('each code that the description of POST /ingest names is provoked, and no other', () => {
  assert.deepEqual(new Set([...CASES.map(([code]) => code), ...ELSEWHERE]), new Set(REFUSALS.sendEvent));
});

for (const [code, name, provoke] of CASES) {
  test(`${name}: ${code}, with its status, and as it is described`, async () => {
    const answer = await provoke();
    assert.equal(answer.body.code, code);
    assert.equal(answer.status, PROBLEMS[code][0]);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    assert.equal(answer.body.type, `https://pressferry.dev/problems#${code}`);
    if (answer.status === 401) assert.equal(answer.headers['www-authenticate'], 'Bearer');
    if (code === 'header_repeated') assert.equal(answer.body.detail, name.split(' ')[0]);
    description.assertDescribes('/ingest', 'post', answer);
  });
}

test('another path, another method: not_found, method_not_allowed with Allow', async () => {
  assert.deepEqual(outcome(await get(ingress, '/ingests')), 'not_found');
  const wrong = await sendAs(ingress, { method: 'PUT', path: '/ingest', headers: {}, body: '{}' });
  assert.deepEqual([wrong.status, wrong.body.code, wrong.headers.allow], [405, 'method_not_allowed', 'POST']);
});

test('nothing of all that was published', async () => {
  assert.deepEqual(await world.events(site.siteId), []);
});
