import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { signedRequest, waitFor } from '@pressferry/testing';
import { runToEnd, startProcess } from './real-process.ts';
import { headOf, openWire, wireForm } from './wire.ts';
import { createWorld, post, senderOf, siteRecord, type World } from './world.ts';

let world: World;
const record = siteRecord();
const site = senderOf(record);
before(async () => {
  world = await createWorld();
  await world.put(record);
});
after(() => world[Symbol.asyncDispose]());

const untilAccepting = (apiUrl: string): Promise<unknown> =>
  waitFor(async () => (await post(apiUrl, site)).status === 202, { what: 'an event to be accepted' });

test('SIGTERM: what is in flight is answered and stored, nothing more is taken, exit code 0', async () => {
  await using ingress = await startProcess({ NATS_URL: world.natsUrl });
  await untilAccepting(ingress.apiUrl);
  const request = signedRequest(site);
  using inFlight = await openWire(ingress.apiUrl);
  using idle = await openWire(ingress.apiUrl);
  inFlight.write(headOf(request));
  const metrics = async (): Promise<string> => (await fetch(`${ingress.opsUrl}/metrics`)).text();
  await waitFor(async () => (await metrics()).includes('in_flight_requests 1'), { what: 'the request in flight' });
  const stopped = ingress.stop();
  await idle.closed;
  await assert.rejects(post(ingress.apiUrl, site), 'nobody listens any more');
  inFlight.write(request.body);
  const answer = await inFlight.next();
  assert.deepEqual([answer.status, answer.headers.connection], [202, 'close']);
  assert.equal(await stopped, 0);
  const ids = (await world.events(site.siteId)).map(({ requestId }) => requestId);
  assert.ok(ids.includes(JSON.parse(answer.body).request_id));
  const messages = ingress.lines.map(({ msg }) => msg);
  assert.deepEqual(messages.slice(-2), ['request.handled', 'service.stopped']);
});

test('SIGTERM while a client sends a body without end: exit code 0 within the time-out of a request', async () => {
  await using ingress = await startProcess({
    NATS_URL: world.natsUrl,
    HEADERS_TIMEOUT_MS: '1000',
    REQUEST_TIMEOUT_MS: '1000',
  });
  await untilAccepting(ingress.apiUrl);
  using wire = await openWire(ingress.apiUrl);
  const { body, headers } = signedRequest(site);
  wire.write(wireForm({ headers, body }).slice(0, -1));
  await waitFor(async () => (await (await fetch(`${ingress.opsUrl}/metrics`)).text()).includes('requests 1'), {
    what: 'the request in flight',
  });
  const begunMs = performance.now();
  assert.equal(await ingress.stop(), 0);
  assert.ok(performance.now() - begunMs < 3_000);
});

const FAULTY_TYPES = mkdtempSync(join(tmpdir(), 'pressferry-types-'));
writeFileSync(join(FAULTY_TYPES, 'order.faulty.json'), '{"type": "no such type"}');
after(() => rmSync(FAULTY_TYPES, { recursive: true }));

describe('a configuration that cannot be used: exit code 78, all faults readable, no value shown', () => {
  const cases: [name: string, env: Record<string, string>, expected: RegExp][] = [
    [
      'missing TLS files',
      { TLS_CERT_PATH: '/nowhere/a.crt', TLS_KEY_PATH: '/nowhere/a.key' },
      /TLS files cannot be used/,
    ],
    ['a faulty event type', { EVENT_TYPES_DIRS: FAULTY_TYPES }, /order\.faulty\.json/],
    ['half a pair', { TLS_KEY_PATH: '/nowhere/a.key' }, /TLS_CERT_PATH and TLS_KEY_PATH go together/],
    [
      'two faulty variables',
      { TRUSTED_PROXIES: 'canary-value', MAX_IN_FLIGHT: 'many' },
      /TRUSTED_PROXIES.*MAX_IN_FLIGHT/s,
    ],
  ];
  for (const [name, env, expected] of cases) {
    test(name, async () => {
      const { code, stderr } = await runToEnd({ NATS_URL: world.natsUrl, ...env });
      assert.equal(code, 78);
      assert.match(stderr, expected);
      assert.doesNotMatch(stderr, /canary-value|many| at .*\.ts/);
    });
  }
});
