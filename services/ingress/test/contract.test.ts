import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import type { ProblemCode } from '@pressferry/contracts';
import {
  type RequestOverrides,
  signedRequest,
  signedToken,
  startTestNats,
  type TestSender,
  waitFor,
} from '@pressferry/testing';
import type { Ingress } from '../src/app.ts';
import { REFUSALS } from '../src/openapi/refusals.ts';
import { type Description, readDescription } from './description.ts';
import { type Answer, createWorld, joinWorld, post, type RawRequest, sendAs, type World } from './world.ts';

let world: World;
let ingress: Ingress;
let sender: TestSender;
let description: Description;
before(async () => {
  world = await createWorld();
  ingress = await world.start();
  sender = await world.site({}, ingress);
  const answer = await get('/openapi.json');
  assert.equal(answer.status, 200);
  description = readDescription(answer.body as Record<string, unknown>);
  description.assertDescribes('/openapi.json', 'get', answer);
});
after(async () => {
  await ingress[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const nowS = (): number => Math.floor(Date.now() / 1000);
const iso = (offsetMs: number): string => new Date(Date.now() + offsetMs).toISOString();
const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  sendAs(ingress.apiUrl, { method: 'GET', path, headers });
const bearer = (): Record<string, string> => ({ authorization: `Bearer ${signedToken(sender)}` });
const sent =
  (overrides: RequestOverrides): (() => Promise<Answer>) =>
  () =>
    post(ingress.apiUrl, sender, overrides);
/** A body with a valid key next to it, so the body alone is at fault. */
const body = (of: string): (() => Promise<Answer>) =>
  sent({ body: of, headers: { 'x-idempotency-key': randomUUID() } });

async function twice(overrides: RequestOverrides, second: RequestOverrides): Promise<Answer> {
  await post(ingress.apiUrl, sender, overrides);
  return post(ingress.apiUrl, sender, second);
}

/** Sends an event to its own ingress, with these variables. */
async function toAnother(env: Record<string, string>, times = 1): Promise<Answer> {
  await using other = await world.start(env);
  for (let time = 1; time < times; time++) await post(other.apiUrl, sender);
  return await post(other.apiUrl, sender);
}

/** Sends an event of a site of its own. */
async function fromSite(members: Parameters<World['site']>[0]): Promise<Answer> {
  return post(ingress.apiUrl, await world.site(members, ingress));
}

/** Writes bytes that need be no HTTP, and takes the answer apart. */
async function raw(bytes: string, apiUrl = ingress.apiUrl): Promise<Answer> {
  const { hostname, port } = new URL(apiUrl);
  const socket = connect(Number(port), hostname);
  socket.write(bytes);
  const [head = '', json = ''] = (await text(socket)).split('\r\n\r\n');
  const [statusLine = '', ...fields] = head.split('\r\n');
  const headers = fields.map((field) => field.split(': ')).map(([name = '', value]) => [name.toLowerCase(), value]);
  return { status: Number(statusLine.split(' ')[1]), headers: Object.fromEntries(headers), body: JSON.parse(json) };
}

async function whileOthersAreInFlight(): Promise<Answer> {
  await using other = await world.start({ MAX_IN_FLIGHT: '1' });
  await waitFor(async () => (await post(other.apiUrl, sender)).status === 202, {
    what: 'the replica to know the site',
  });
  return await waitFor(
    async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => post(other.apiUrl, sender)));
      return answers.find(({ status }) => status === 503);
    },
    { what: 'a 503' },
  );
}

async function withoutBucket(): Promise<Answer> {
  await using nats = await startTestNats();
  await using other = await world.start({ NATS_URL: nats.url });
  return await post(other.apiUrl, sender);
}

/** What makes `POST /ingest` refuse with each code. */
const PROVOKED: Partial<Record<ProblemCode, () => Promise<Answer>>> = {
  request_malformed: () => raw('NOT HTTP\r\n\r\n'),
  header_too_large: () => raw(`POST /ingest HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`),
  request_timeout: async () => {
    await using other = await world.start({ HEADERS_TIMEOUT_MS: '500', REQUEST_TIMEOUT_MS: '1000' });
    return await raw('POST /ingest HTTP/1.1\r\nhost: x\r\n', other.apiUrl);
  },
  https_required: () => toAnother({ INSECURE: 'false' }),
  ip_not_allowed: () => toAnother({ IP_ALLOW: '192.0.2.0/24' }),
  rate_limited_ip: () => toAnother({ RATE_LIMIT_IP_PER_MINUTE: '1', RATE_LIMIT_IP_BURST: '1' }, 3),
  rate_limited_site: () => fromSiteTwice({ rate_limit: { per_minute: 1, burst: 1 } }),
  overloaded: whileOthersAreInFlight,
  registry_unavailable: withoutBucket,
  header_missing: sent({ headers: { 'x-signature': undefined } }),
  header_malformed: sent({ headers: { 'x-signature': 'sha1=0' } }),
  header_repeated: () => {
    const { headers, body: json } = signedRequest(sender);
    const list = [
      ...Object.entries(headers).flat(),
      'x-signature',
      'x',
      'host',
      'x',
      'content-length',
      `${json.length}`,
    ];
    return sendAs(ingress.apiUrl, { method: 'POST', path: '/ingest', headers: list, body: json });
  },
  token_missing: sent({ headers: { authorization: undefined } }),
  token_malformed: sent({ headers: { authorization: 'Bearer x' } }),
  token_algorithm_refused: () => post(ingress.apiUrl, { ...sender, alg: 'none' }),
  token_key_unknown: sent({ tokenHeader: { kid: 'other' } }),
  token_signature_invalid: () => {
    const authorization = `${bearer().authorization?.slice(0, -20)}${'A'.repeat(20)}`;
    return post(ingress.apiUrl, sender, { headers: { authorization } });
  },
  token_claims_invalid: sent({ claims: { jti: undefined } }),
  token_issuer_mismatch: sent({ claims: { iss: 'https://other.example' } }),
  token_audience_mismatch: sent({ claims: { aud: 'other' } }),
  token_expired: sent({ claims: { iat: nowS() - 400, exp: nowS() - 200 } }),
  token_not_yet_valid: sent({ claims: { iat: nowS() + 2_000, exp: nowS() + 2_100 } }),
  token_lifetime_too_long: sent({ claims: { iat: nowS(), exp: nowS() + 301 } }),
  token_replayed: () => {
    const claims = { jti: randomUUID() };
    return twice({ claims }, { claims });
  },
  site_unknown: sent({ claims: { sub: 'nobody' } }),
  site_disabled: () => fromSite({ status: 'disabled' }),
  site_backlog_full: () => fromSite({ status: 'paused', settings: { max_held_events: 0 } }),
  event_type_off: () => fromSite({ settings: { event_types: { 'form.submitted': 'off' } } }),
  signature_mismatch: sent({ bodyAfterSigning: '{}' }),
  body_empty: body(''),
  body_not_utf8: () => {
    const bytes = Buffer.from([0x22, 0xff, 0x22]);
    const signature = createHmac('sha256', sender.hmacSecret).update(bytes).digest('hex');
    const { headers } = signedRequest(sender, { headers: { 'x-signature': `sha256=${signature}` } });
    return sendAs(ingress.apiUrl, { method: 'POST', path: '/ingest', headers, body: bytes } satisfies RawRequest);
  },
  body_not_json: body('{'),
  json_too_complex: body(`{"data":${'['.repeat(40)}${']'.repeat(40)}}`),
  json_key_repeated: body('{"a":1,"a":2}'),
  body_too_large: body(`"${'x'.repeat(262_144)}"`),
  content_type_unsupported: sent({ headers: { 'content-type': 'text/plain' } }),
  content_encoding_unsupported: sent({ headers: { 'content-encoding': 'gzip' } }),
  envelope_invalid: sent({ event: { extra: true } }),
  idempotency_key_mismatch: sent({ headers: { 'x-idempotency-key': randomUUID() } }),
  idempotency_key_reused: () => {
    const event = { idempotency_key: randomUUID() };
    return twice({ event }, { event: { ...event, object_ref: 'other' } });
  },
  event_type_unknown: sent({ event: { event_type: 'no.such' } }),
  data_invalid: sent({ event: { data: { form_id: 7 } } }),
  timestamp_drift: sent({ event: { occurred_at: '2020-01-01T00:00:00Z' } }),
};

/** Provoked last, for they change the streams. */
const ON_BROKEN_STREAMS: ProblemCode[] = ['stream_full', 'stream_unavailable'];
/** A fault in our own code, of which there is none to show. */
const NOT_PROVOKED: ProblemCode[] = ['internal_error'];

async function fromSiteTwice(settings: { rate_limit: { per_minute: number; burst: number } }): Promise<Answer> {
  const site = await world.site({ settings }, ingress);
  await post(ingress.apiUrl, site);
  return post(ingress.apiUrl, site);
}

describe('POST /ingest answers as it is described', () => {
  test('each code of the description is provoked here, or it is said why not', () => {
    assert.deepEqual(
      [...Object.keys(PROVOKED), ...ON_BROKEN_STREAMS, ...NOT_PROVOKED].sort(),
      [...REFUSALS.sendEvent].sort(),
    );
  });

  for (const [code, provoke] of Object.entries(PROVOKED)) {
    test(code, async () => {
      const answer = await provoke();
      assert.equal(answer.body.code, code);
      description.assertDescribes('/ingest', 'post', answer);
    });
  }

  test('202, and 202 for a repeat', async () => {
    const event = { idempotency_key: randomUUID(), occurred_at: iso(0) };
    for (const duplicate of [false, true]) {
      const answer = await post(ingress.apiUrl, sender, { event });
      assert.deepEqual([answer.status, answer.body.duplicate], [202, duplicate]);
      assert.equal(answer.headers['idempotent-replayed'], duplicate ? 'true' : undefined);
      description.assertDescribes('/ingest', 'post', answer);
    }
  });
});

describe('GET /ingest/{idempotency_key} answers as it is described', () => {
  const PATH = '/ingest/{idempotency_key}';

  test('200 for an event that is known', async () => {
    const idempotency_key = randomUUID();
    await post(ingress.apiUrl, sender, { event: { idempotency_key } });
    const answer = await get(`/ingest/${idempotency_key}`, bearer());
    assert.equal(answer.status, 200);
    description.assertDescribes(PATH, 'get', answer);
  });

  const cases: [ProblemCode, string, () => Record<string, string>][] = [
    ['event_unknown', randomUUID(), bearer],
    ['parameter_invalid', 'no-key', bearer],
    ['parameter_invalid', '', bearer],
    ['token_missing', randomUUID(), () => ({})],
  ];
  for (const [code, key, headers] of cases) {
    test(`${code} for "${key}"`, async () => {
      const answer = await get(`/ingest/${key}`, headers());
      assert.equal(answer.body.code, code);
      description.assertDescribes(PATH, 'get', answer);
    });
  }
});

describe('with its streams full or gone', () => {
  test('stream_full', async () => {
    const { config, state } = await world.manager.streams.info('EVENTS');
    await world.manager.streams.update('EVENTS', { ...config, max_msgs: Math.max(1, state.messages) });
    const answer = await waitFor(
      async () => {
        const next = await post(ingress.apiUrl, sender);
        return next.status === 503 ? next : null;
      },
      { what: 'a 503' },
    );
    assert.equal(answer.body.code, 'stream_full');
    description.assertDescribes('/ingest', 'post', answer);
  });

  test('stream_unavailable', async () => {
    await world.manager.streams.delete('EVENTS');
    const answer = await post(ingress.apiUrl, sender);
    assert.equal(answer.body.code, 'stream_unavailable');
    description.assertDescribes('/ingest', 'post', answer);
    await using other = await joinWorld(world.natsUrl);
    assert.ok(other);
    const again = await waitFor(async () => (await post(ingress.apiUrl, sender)).status === 202, { what: 'a 202' });
    assert.ok(again);
  });
});
