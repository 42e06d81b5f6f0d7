import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { signedRequest, waitFor } from '@pressferry/testing';
import { runToEnd, startProcess } from './real-process.ts';
import { headOf, openWire, wireForm } from './wire.ts';
import { becomes, createWorld, metric, post, senderOf, siteRecord, untilEnd } from './world.ts';

const world = untilEnd(await createWorld());
const record = siteRecord();
const site = senderOf(record);
await world.put(record);

/** Starts the process, and waits until it accepts events. */
async function start(env: Record<string, string> = {}) {
  const ingress = await startProcess({ NATS_URL: world.natsUrl, ...env });
  await becomes(() => post(ingress, site), 202);
  const oneInFlight = () =>
    waitFor(async () => (await metric(ingress, 'in_flight_requests')) === 1, { what: 'the request in flight' });
  return { ...ingress, oneInFlight };
}

test('SIGTERM: what is in flight is answered and stored, nothing more is taken, exit code 0', async () => {
  await using ingress = await start();
  const request = signedRequest(site);
  using inFlight = await openWire(ingress.apiUrl);
  using idle = await openWire(ingress.apiUrl);
  inFlight.write(headOf(request));
  await ingress.oneInFlight();
  const stopped = ingress.stop();
  await idle.closed;
  await assert.rejects(post(ingress, site), 'nobody listens any more');
  inFlight.write(request.body);
  const answer = await inFlight.next();
  assert.deepEqual([answer.status, answer.headers.connection], [202, 'close']);
  assert.equal(await stopped, 0);
  const ids = (await world.events(site.siteId)).map(({ requestId }) => requestId);
  assert.ok(ids.includes(JSON.parse(answer.body).request_id));
  const messages = ingress.lines.map(({ msg }) => msg);
  assert.deepEqual(messages.slice(-2), ['request.handled', 'service.stopped']);
});

test('SIGTERM while a client sends a body without end: the time-out of a request ends it, and not that of the shutdown', {
  timeout: 120_000,
}, async () => {
  const timeouts = { HEADERS_TIMEOUT_MS: '1000', REQUEST_TIMEOUT_MS: '1000', SHUTDOWN_GRACE_MS: '600000' };
  await using ingress = await start(timeouts);
  using wire = await openWire(ingress.apiUrl);
  wire.write(wireForm(signedRequest(site)).slice(0, -1));
  await ingress.oneInFlight();
  assert.equal(await ingress.stop(), 0);
  assert.equal(await wire.closed, '');
});

const FAULTY_TYPES = mkdtempSync(join(tmpdir(), 'pressferry-types-'));
writeFileSync(join(FAULTY_TYPES, 'order.faulty.json'), '{"type": "no such type"}');
after(() => rmSync(FAULTY_TYPES, { recursive: true }));

describe('a configuration that cannot be used: exit code 78, all faults readable, no value shown', () => {
  const cases: [name: string, env: Record<string, string>, expected: RegExp][] = [
    ['a faulty event type', { EVENT_TYPES_DIRS: FAULTY_TYPES }, /order\.faulty\.json/],
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
