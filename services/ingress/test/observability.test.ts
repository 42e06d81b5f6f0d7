import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { Kvm } from '@nats-io/kv';
import { PROBLEMS } from '@pressferry/contracts';
import { type RequestOverrides, rsaKeyPair, signedRequest, signedToken } from '@pressferry/testing';
import { gatherLog } from './gathered-log.ts';
import { headOf, openWire } from './wire.ts';
import { metricsOf, type RawRequest, secretOf, send, sendAs, siteRecord, startScene } from './world.ts';

const CANARY = 'c4n4ry';
const EMAIL = 'jane.canary@example.com';
const CLIENT = '203.0.113.77';
const log = gatherLog('debug');

const { world, ingress, site } = await startScene(
  { TRUSTED_PROXIES: '127.0.0.1', RATE_LIMIT_IP_PER_MINUTE: '100000' },
  { logger: log.logger },
);
/** Whatever a request of this file carried that must stay out of logs and metrics. */
const secrets = new Set<string>([CANARY, EMAIL, CLIENT]);
let sent = 0;
const linesBefore = log.of('request.handled').length;
before(sendAllKinds);

/** Sends a request, and notes what of it must never be seen again. */
async function attempt(overrides: RequestOverrides = {}, sender = site): Promise<void> {
  const request = signedRequest(sender, {
    ...overrides,
    event: {
      data: { form_id: '1', fields: { message: `${CANARY} message`, email: EMAIL } },
      object_ref: `${CANARY}-ref`,
      ...overrides.event,
    },
    headers: { 'user-agent': `${CANARY}/1.0`, 'x-forwarded-for': CLIENT, cookie: `a=${CANARY}`, ...overrides.headers },
  });
  const { authorization = '', 'x-signature': signature = '' } = request.headers;
  for (const part of [...authorization.split(/[ .]/), signature.replace('sha256=', '')]) {
    if (part.length > 16) secrets.add(part);
  }
  secrets.add(secretOf(sender.siteId));
  sent++;
  await send(ingress, request);
}

async function raw(request: RawRequest): Promise<void> {
  sent++;
  await sendAs(ingress, request);
}

async function sendAllKinds(): Promise<void> {
  const key = { idempotency_key: randomUUID(), occurred_at: new Date().toISOString() };
  const jti = { claims: { jti: `${CANARY}-jti` } };
  const KINDS: RequestOverrides[] = [
    { event: key },
    { event: key },
    { event: { ...key, object_ref: `${CANARY}-other` } },
    jti,
    jti,
    { tokenHeader: { kid: CANARY } },
    { claims: { iss: `https://${CANARY}.example` } },
    { claims: { sub: CANARY } },
    { claims: { aud: CANARY } },
    { bodyAfterSigning: `{"${CANARY}":"${EMAIL}"}` },
    { body: `{"${CANARY}` },
    { body: `{"data":"${EMAIL}","data":1}` },
    { event: { event_type: `${CANARY}.unknown` } },
    { event: { data: { [CANARY]: EMAIL } } },
    { event: { [CANARY]: EMAIL } },
    { event: { occurred_at: '2001-01-01T00:00:00Z' } },
    { headers: { authorization: `Bearer ${CANARY}` } },
    { headers: { authorization: `Basic ${CANARY}` } },
    { headers: { 'x-signature': CANARY } },
    { headers: { 'x-idempotency-key': CANARY } },
    { headers: { 'content-type': `text/${CANARY}` } },
    { headers: { traceparent: CANARY } },
    { headers: { 'x-forwarded-for': CANARY } },
  ];
  for (const overrides of KINDS) await attempt(overrides);
  await attempt({}, { ...site, alg: 'none' });
  await attempt({}, { ...site, privateKey: rsaKeyPair(1).privateKey });
  await raw({ method: 'GET', path: `/${CANARY}?email=${EMAIL}`, headers: {} });
  await raw({ method: 'PUT', path: `/ingest?token=${CANARY}`, headers: {} });
  await raw({ method: 'GET', path: `/ingest/${CANARY}`, headers: { authorization: `Bearer ${signedToken(site)}` } });
  await raw({ method: 'GET', path: '/openapi.json', headers: {} });
  using wire = await openWire(ingress.apiUrl);
  wire.write(`${CANARY} ${EMAIL}\r\n\r\n`);
  sent++;
  await wire.next();
  using aborted = await openWire(ingress.apiUrl);
  aborted.write(headOf(signedRequest(site)));
  aborted.socket.end();
  sent++;
  await aborted.closed;
  // The registry is read from outside too.
  const bucket = await new Kvm(world.connection.nats).open('sites');
  const record = siteRecord();
  await bucket.put(record.site_id, CANARY);
  await bucket.put(record.site_id, JSON.stringify({ ...record, keys: [{ ...record.keys[0], public_key: CANARY }] }));
  await bucket.put(
    record.site_id,
    JSON.stringify({ ...record, secrets: [{ sealed_secret: CANARY, expires_at: null }] }),
  );
  await world.site({}, ingress);
}

/** The lines of the requests that were sent on purpose; those that wait for a site to be known end in `signature_mismatch`. */
const requestLines = () => log.of('request.handled').slice(linesBefore, linesBefore + sent);

describe('log lines', () => {
  test('each is JSON with a level, a time and a stable message', () => {
    for (const line of log.lines) {
      assert.match(line, /^\{.*\}\n$/);
      const { level, time, service, msg } = JSON.parse(line);
      assert.ok(['info', 'warn', 'error'].includes(level) && service === 'ingress');
      assert.ok(!Number.isNaN(Date.parse(time)));
      assert.match(msg, /^[a-z]+\.[a-z]+$/);
    }
  });

  test('one reports each request, in fields of a closed set', () => {
    const lines = requestLines();
    assert.equal(lines.length, sent);
    const fields =
      'level time service outcome status duration_ms site_id claimed_site_id idempotency_key request_id event_type body_bytes trace_id msg';
    const known = new Set(fields.split(' '));
    for (const line of lines) {
      const unknown = Object.keys(line).filter((name) => !known.has(name));
      assert.deepEqual(unknown, [], JSON.stringify(line));
      if (line.outcome !== 'aborted') assert.ok(Number(line.status) >= 200, JSON.stringify(line));
    }
    const [accepted, duplicate, reused] = lines;
    assert.deepEqual([accepted?.outcome, duplicate?.outcome], ['accepted', 'duplicate']);
    assert.equal(accepted?.request_id, duplicate?.request_id);
    assert.match(String(accepted?.idempotency_key), /^[0-9a-f-]{36}$/);
    assert.equal(accepted?.idempotency_key, reused?.idempotency_key);
    assert.deepEqual([reused?.outcome, reused?.status, reused?.site_id], ['idempotency_key_reused', 422, site.siteId]);
    assert.match(String(accepted?.trace_id), /^[0-9a-f]{32}$/);
  });

  test('a site is named only by a request that was verified', () => {
    const unverified = requestLines().filter(
      ({ outcome }) => String(outcome).startsWith('token_') && outcome !== 'token_replayed',
    );
    assert.ok(unverified.length > 5);
    for (const line of [...unverified, ...requestLines().filter(({ outcome }) => outcome === 'signature_mismatch')]) {
      assert.equal(line.site_id, undefined, JSON.stringify(line));
    }
    // Which registered site it spoke for is said anyway, under another name.
    const forged = requestLines().filter(({ outcome }) => outcome === 'signature_mismatch');
    assert.ok(forged.length > 0);
    for (const line of forged) assert.equal(line.claimed_site_id, site.siteId);
  });

  test('none holds a secret, a token, a signature, a body, an address of a client or an e-mail address', () => {
    const text = log.lines.join('').toLowerCase();
    assert.ok(secrets.size > 40);
    for (const secret of secrets) assert.ok(!text.includes(secret.toLowerCase()), secret);
    assert.doesNotMatch(text, /127\.0\.0\.1(?!:\d+")|bearer|sha256=|private key/);
    assert.ok(log.of('site.unusable').length >= 3);
  });
});

describe('metrics', () => {
  const REPLIES = ['accepted', 'duplicate', 'answered', 'aborted'];
  /** All that a label may say; which metric has which is held by the README and tests/repository. */
  const LABELS: Record<string, readonly string[] | RegExp> = {
    outcome: [...Object.keys(PROBLEMS), ...REPLIES, 'refused', 'failed', 'fresh', 'replayed', 'unavailable', 'changed'],
    stream: ['events', 'replay'],
    reason: ['signature', 'token', 'replay'],
    scope: ['ip', 'site'],
    decision: ['allowed', 'asked', 'refused'],
    what: ['certificate', 'catalogue'],
    site: /^site-[0-9a-f]{8}$/,
    le: /^[\d.]+$|^\+Inf$/,
  };
  let text: string;
  before(async () => {
    text = await metricsOf(ingress);
  });

  test('carry labels of closed sets, whatever a request says', () => {
    let samples = 0;
    for (const [line, name = '', labels = ''] of text.matchAll(/^pressferry_ingress_(\w+?)(?:\{(.*)\})? \S+$/gm)) {
      for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
        const values = LABELS[label] ?? assert.fail(`${name} has no label ${label}`);
        assert.ok(values instanceof RegExp ? values.test(value) : values.includes(value), line);
        if (label === 'site') assert.equal(name, 'site_recent_refusals');
        samples++;
      }
    }
    assert.ok(samples > 100);
    for (const secret of secrets) assert.ok(!text.includes(secret), secret);
  });

  test('count each request once, by what it came to', () => {
    for (const { outcome } of requestLines()) {
      const lines = log.of('request.handled').filter((line) => line.outcome === outcome).length;
      assert.match(text, new RegExp(`requests_total\\{outcome="${outcome}"\\} ${lines}\n`));
    }
    // What the alert on repeated signature failures reads: only of sites that are registered.
    assert.match(text, new RegExp(`site_recent_refusals\\{site="${site.siteId}",reason="token"\\} [1-9]`));
    assert.match(text, new RegExp(`site_recent_refusals\\{site="${site.siteId}",reason="replay"\\} 1\n`));
    assert.match(text, /site_refusals_total\{reason="replay"\} 1\n/);
  });
});
