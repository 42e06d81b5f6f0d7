import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_BODY_BYTES, MAX_EVENT_MESSAGE_BYTES } from '@pressferry/contracts';
import type { SiteRecord } from '@pressferry/sites';
import { ownTime, signedRequest, startTestNats, waitFor } from '@pressferry/testing';
import { configSchema } from '../src/app.ts';
import { descriptionOf } from './description.ts';
import { gatherLog } from './gathered-log.ts';
import { type Answer, becomes, createWorld, joinWorld, outcome, post } from './world.ts';

const ready = async (opsUrl: string): Promise<number> => (await fetch(`${opsUrl}/readyz`)).status;
const { PUBLISH_TIMEOUT_MS } = configSchema.shape;
const AS_IN_PRODUCTION = { PUBLISH_TIMEOUT_MS: String(PUBLISH_TIMEOUT_MS.parse(undefined)) };
const PAUSED: Partial<SiteRecord> = { status: 'paused', paused_at: new Date().toISOString() };

for (const [fault, stop, goOn] of [
  ['away', 'SIGKILL', undefined],
  ['hanging', 'SIGSTOP', 'SIGCONT'],
] as const)
  test(`NATS ${fault}: 503 with Retry-After in under 2 s, of a paused site too, and accepting again by itself`, async () => {
    await using world = await createWorld();
    await using ingress = await world.start(AS_IN_PRODUCTION);
    const site = await world.site({}, ingress);
    const paused = await world.site({ ...PAUSED, settings: { max_held_events: 10 } }, ingress);
    const description = await descriptionOf(ingress);
    if (goOn === undefined) await world.nats.kill();
    else process.kill(world.nats.pid, stop);
    try {
      for (const sender of [paused, site, site]) {
        using time = ownTime();
        const answer = await post(ingress, sender);
        assert.deepEqual([answer.status, outcome(answer)], [503, 'stream_unavailable']);
        assert.ok(Number(answer.headers['retry-after']) >= 1);
        assert.ok(time.elapsedMs() < 2_000, `took ${time.elapsedMs()} ms`);
        description.assertDescribes('/ingest', 'post', answer);
      }
      if (goOn === undefined) assert.equal(await ready(ingress.opsUrl), 503);
      assert.equal((await fetch(`${ingress.opsUrl}/livez`)).status, 200);
    } finally {
      if (goOn === undefined) await world.nats.restart();
      else process.kill(world.nats.pid, goOn);
    }
    await becomes(() => post(ingress, site), 202);
    assert.equal(await ready(ingress.opsUrl), 200);
  });

test('a server that takes no message as large as the largest event is said at /readyz; one that just does takes that event', async () => {
  for (const [missing, status] of [
    [0, 200],
    [1, 503],
  ] as const) {
    const maxPayloadBytes = MAX_EVENT_MESSAGE_BYTES - missing;
    await using nats = await startTestNats({ maxPayloadBytes });
    await using world = await joinWorld(nats.url);
    await using ingress = await world.start();
    const readiness = await fetch(`${ingress.opsUrl}/readyz`);
    assert.equal(readiness.status, status);
    if (status === 503)
      assert.match(await readiness.text(), new RegExp(`max_payload of NATS is ${maxPayloadBytes} bytes`));
    else {
      const site = await world.site({ site_id: 's'.repeat(63) }, ingress);
      const event = { ...signedRequest(site).event, object_ref: '船'.repeat(255) };
      const make = (filler: string) =>
        JSON.stringify({ ...event, data: { form_id: '1', fields: { a: 1 }, meta: { filler } } });
      const body = make('x'.repeat(MAX_BODY_BYTES - Buffer.byteLength(make(''))));
      assert.equal(Buffer.byteLength(body), MAX_BODY_BYTES);
      assert.equal(outcome(await post(ingress, site, { event, body })), 202);
    }
  }
});

test('the stored window survives restarts of ingress and of NATS', async () => {
  await using world = await createWorld();
  const first = await world.start();
  const site = await world.site({}, first);
  const { event } = signedRequest(site);
  const accepted = await post(first, site, { event });
  assert.equal(accepted.status, 202);
  await first[Symbol.asyncDispose]();
  await world.nats.kill();
  await world.nats.restart();
  await using second = await world.start();
  const answer = await becomes(() => post(second, site, { event }), 202);
  assert.deepEqual(answer.body, { ...accepted.body, duplicate: true });
});

test('a full stream refuses, drops nothing, says when to come back, and calls a person in the log', async () => {
  await using world = await createWorld({ eventsMaxBytes: 40_000 });
  const log = gatherLog('error');
  await using ingress = await world.start({}, { logger: log.logger });
  const site = await world.site({}, ingress);
  let accepted = 0;
  let answer: Answer;
  for (; ; accepted++) {
    answer = await post(ingress, site);
    if (answer.status !== 202) break;
    assert.ok(accepted < 200);
  }
  assert.deepEqual([answer.status, outcome(answer), answer.headers['retry-after']], [503, 'stream_full', '30']);
  (await descriptionOf(ingress)).assertDescribes('/ingest', 'post', answer);
  assert.equal((await world.events(site.siteId)).length, accepted);
  const [line, ...others] = await waitFor(() => log.of('request.handled'), { what: 'the line' });
  assert.deepEqual([line?.level, line?.outcome, line?.site_id], ['error', 'stream_full', site.siteId]);
  assert.match(String(line?.idempotency_key), /^[0-9a-f-]{36}$/);
  assert.deepEqual(others, []);
});
