import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { MAX_BODY_BYTES, MAX_EVENT_MESSAGE_BYTES } from '@pressferry/contracts';
import { createPublisher, openConnection } from '@pressferry/jetstream';
import { ownTime, signedRequest, startTestNats, waitFor } from '@pressferry/testing';
import { gatherLog } from './gathered-log.ts';
import { createWorld, joinWorld, post, send } from './world.ts';

test('NATS down: 503 with Retry-After in under 2 s, and accepting again by itself when it returns', async () => {
  await using nats = await startTestNats();
  await using world = await joinWorld(nats.url);
  await using ingress = await world.start();
  const site = await world.site({}, ingress);
  await nats.kill();
  for (const again of [false, true]) {
    using time = ownTime();
    const answer = await post(ingress.apiUrl, site);
    assert.deepEqual([answer.status, answer.body.code], [503, 'stream_unavailable'], `again: ${again}`);
    assert.ok(Number(answer.headers['retry-after']) >= 1);
    assert.ok(time.elapsedMs() < 2_000);
  }
  assert.equal((await fetch(`${ingress.opsUrl}/readyz`)).status, 503);
  assert.equal((await fetch(`${ingress.opsUrl}/livez`)).status, 200);
  await nats.restart();
  const accepts = async (): Promise<boolean> => (await post(ingress.apiUrl, site)).status === 202;
  await waitFor(accepts, { what: 'an event to be accepted', timeoutMs: 10_000 });
  assert.equal((await fetch(`${ingress.opsUrl}/readyz`)).status, 200);
});

test('NATS hanging without closing: 503 in under 2 s', async () => {
  await using nats = await startTestNats();
  await using world = await joinWorld(nats.url);
  await using ingress = await world.start();
  const site = await world.site({}, ingress);
  process.kill(nats.pid, 'SIGSTOP');
  try {
    using time = ownTime();
    const answer = await post(ingress.apiUrl, site);
    assert.deepEqual([answer.status, answer.body.code], [503, 'stream_unavailable']);
    assert.ok(time.elapsedMs() < 2_000);
  } finally {
    process.kill(nats.pid, 'SIGCONT');
  }
});

test('a server that takes no message as large as the largest event is said at /readyz; one that just does takes that event', async () => {
  const largest = MAX_EVENT_MESSAGE_BYTES;
  for (const [maxPayloadBytes, status] of [
    [largest, 200],
    [largest - 1, 503],
  ] as const) {
    await using nats = await startTestNats({ maxPayloadBytes });
    await using world = await joinWorld(nats.url);
    await using ingress = await world.start();
    const ready = await fetch(`${ingress.opsUrl}/readyz`);
    assert.equal(ready.status, status);
    if (status === 503) assert.match(await ready.text(), new RegExp(`max_payload of NATS is ${maxPayloadBytes} bytes`));
    else {
      const site = await world.site({ site_id: 's'.repeat(63) }, ingress);
      const event = { ...signedRequest(site).event, object_ref: '船'.repeat(255) };
      const make = (filler: string) =>
        JSON.stringify({ ...event, data: { form_id: '1', fields: { a: 1 }, meta: { filler } } });
      const body = make('x'.repeat(MAX_BODY_BYTES - Buffer.byteLength(make(''))));
      assert.equal(Buffer.byteLength(body), MAX_BODY_BYTES);
      const answer = await post(ingress.apiUrl, site, { event, body });
      assert.deepEqual([answer.status, answer.body.code], [202, undefined]);
    }
  }
});

test('the stored window survives restarts of ingress and of NATS', async () => {
  await using nats = await startTestNats();
  await using world = await joinWorld(nats.url);
  const first = await world.start();
  const site = await world.site({}, first);
  const event = signedRequest(site).event;
  const accepted = await post(first.apiUrl, site, { event });
  assert.equal(accepted.status, 202);
  await first[Symbol.asyncDispose]();
  await nats.kill();
  await nats.restart();
  await using second = await world.start();
  const repeat = async () => post(second.apiUrl, site, { event });
  const answer = await waitFor(async () => ((await repeat()).status === 202 ? repeat() : undefined), {
    what: 'an answer',
  });
  assert.deepEqual(answer.body, { ...accepted.body, duplicate: true });
});

test('losing the replay store brings it back by itself, and never a second effect', async () => {
  await using world = await createWorld();
  await using ingress = await world.start();
  const site = await world.site({}, ingress);
  const request = signedRequest(site);
  const first = await send(ingress.apiUrl, request);
  await world.manager.streams.delete('REPLAY');
  const replayed = await send(ingress.apiUrl, request);
  assert.deepEqual([replayed.status, replayed.body], [202, { ...first.body, duplicate: true }]);
  assert.equal((await send(ingress.apiUrl, request)).body.code, 'token_replayed');
  assert.equal((await world.events(site.siteId)).length, 1);
});

test('a full stream refuses, drops nothing, says when to come back, and calls a person in the log', async () => {
  await using world = await createWorld({ eventsMaxBytes: 40_000 });
  const log = gatherLog('error');
  await using ingress = await world.start({}, { logger: log.logger });
  const site = await world.site({}, ingress);
  let accepted = 0;
  for (;;) {
    const answer = await post(ingress.apiUrl, site);
    if (answer.status !== 202) {
      assert.deepEqual([answer.status, answer.body.code], [503, 'stream_full']);
      assert.equal(answer.headers['retry-after'], '30');
      break;
    }
    accepted++;
    assert.ok(accepted < 200);
  }
  assert.equal((await world.events(site.siteId)).length, accepted);
  const [line, ...others] = log.of('request.handled');
  assert.deepEqual([line?.level, line?.outcome, line?.site_id], ['error', 'stream_full', site.siteId]);
  assert.match(String(line?.idempotency_key), /^[0-9a-f-]{36}$/);
  assert.deepEqual(others, []);
});

test('what NATS would not take is refused to its caller alone: too large, or on a connection that is being drained', async () => {
  await using world = await createWorld();
  await using connection = await openConnection({ url: world.natsUrl, name: 'publisher' });
  const publisher = createPublisher(connection, 2_000);
  const large = publisher.publish('pf.jti.site', new Uint8Array(2 ** 21), { 'Nats-Msg-Id': 'large' });
  const small = publisher.publish('pf.jti.site', new Uint8Array(0), { 'Nats-Msg-Id': 'small' });
  assert.deepEqual([(await large).kind, (await small).kind], ['refused', 'stored']);
  const late = publisher.publish('pf.jti.site', new Uint8Array(0), { 'Nats-Msg-Id': 'late' });
  const drained = connection.nats.drain();
  assert.equal((await late).kind, 'unavailable');
  await drained;
});

test('a shutdown answers what is in flight and takes no more', async () => {
  await using world = await createWorld();
  const ingress = await world.start();
  const site = await world.site({}, ingress);
  const request = signedRequest(site);
  const { hostname, port } = new URL(ingress.apiUrl);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const head = Object.entries({ host: hostname, ...request.headers, 'content-length': String(request.body.length) });
  socket.write(`POST /ingest HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}`).join('\r\n')}\r\n\r\n`);
  socket.write(request.body.slice(0, 10));
  await waitFor(async () => /in_flight_requests 1/.test(await metricsOf(ingress.opsUrl)), {
    what: 'the request in flight',
  });
  const gone = ingress[Symbol.asyncDispose]();
  const refused = send(ingress.apiUrl, signedRequest(site)).then(
    () => false,
    () => true,
  );
  assert.equal(await refused, true);
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    answer += text;
  });
  socket.write(request.body.slice(10));
  await once(socket, 'close');
  assert.match(answer, /^HTTP\/1\.1 202 /);
  await gone;
  assert.equal((await world.events(site.siteId)).length, 1);
});

const metricsOf = async (opsUrl: string): Promise<string> => (await fetch(`${opsUrl}/metrics`)).text();
