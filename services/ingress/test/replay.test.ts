import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signedRequest, signedToken, startTestNats, waitFor } from '@pressferry/testing';
import type { Ingress } from '../src/app.ts';
import { type Answer, createWorld, joinWorld, post, send, sendAs } from './world.ts';

const outcome = ({ status, body }: Answer): number | string => body.code ?? status;

test('a token that the store forgot in a restart of NATS has no second effect: the very same request is a duplicate', async () => {
  await using nats = await startTestNats();
  await using world = await joinWorld(nats.url);
  await using ingress = await world.start();
  const site = await world.site({}, ingress);
  const requests = Array.from({ length: 5 }, () => signedRequest(site));
  const first = await Promise.all(requests.map((request) => send(ingress.apiUrl, request)));
  assert.deepEqual(new Set(first.map(outcome)), new Set([202]));
  await nats.kill();
  await nats.restart();
  for (const [at, request] of requests.entries()) {
    // The store is in memory; anyone who misses it recreates it, and a token spent once more there is spent for good.
    const again = await waitFor(
      async () => {
        const answer = await send(ingress.apiUrl, request);
        return answer.status === 503 ? undefined : answer;
      },
      { what: 'an answer after the restart', timeoutMs: 10_000 },
    );
    // A 503 has spent the token in the new store: then the second use is refused.
    assert.ok(again.body.duplicate === true || outcome(again) === 'token_replayed', JSON.stringify(again.body));
    if (again.status === 202) assert.equal(again.body.request_id, first[at]?.body.request_id);
    assert.equal(outcome(await send(ingress.apiUrl, request)), 'token_replayed');
  }
  await waitFor(() => world.connection.isConnected(), { what: "the test's connection" });
  assert.equal((await world.events(site.siteId)).length, requests.length);
});

test('a store that vanishes under load is recreated once, and no request is lost or doubled by it', async () => {
  await using world = await createWorld();
  const replicas: [Ingress, Ingress] = [await world.start(), await world.start()];
  await using resources = new AsyncDisposableStack();
  for (const replica of replicas) resources.use(replica);
  const site = await world.site({}, ...replicas);
  await world.manager.streams.delete('REPLAY');
  const requests = Array.from({ length: 40 }, () => signedRequest(site));
  const answers = await Promise.all(requests.map((request, at) => send(replicas[at % 2]?.apiUrl ?? '', request)));
  const accepted = answers.filter(({ status }) => status === 202);
  for (const answer of answers)
    assert.ok([202, 'stream_unavailable'].includes(outcome(answer)), String(outcome(answer)));
  assert.ok(accepted.length > 0);
  const ids = (await world.events(site.siteId)).map(({ requestId }) => requestId);
  assert.deepEqual(ids.toSorted(), accepted.map(({ body }) => body.request_id).toSorted());
  // It is there again, and its judgement holds in both.
  const { config } = await world.manager.streams.info('REPLAY');
  assert.deepEqual([config.storage, config.num_replicas], ['memory', 1]);
  const request = signedRequest(site);
  assert.equal(outcome(await send(replicas[0].apiUrl, request)), 202);
  assert.equal(outcome(await send(replicas[1].apiUrl, request)), 'token_replayed');
});

test('a token spent on one route is spent on the other, and one of another site with the same jti is not', async () => {
  await using world = await createWorld();
  await using ingress = await world.start();
  const [site, other] = [await world.site({}, ingress), await world.site({}, ingress)];
  const claims = { jti: 'shared' };
  const key = signedRequest(site).idempotencyKey;
  const authorization = `Bearer ${signedToken(site, { claims })}`;
  const asked = await sendAs(ingress.apiUrl, { method: 'GET', path: `/ingest/${key}`, headers: { authorization } });
  assert.equal(outcome(asked), 'event_unknown');
  assert.equal(outcome(await post(ingress.apiUrl, site, { claims })), 'token_replayed');
  assert.equal(outcome(await post(ingress.apiUrl, other, { claims })), 202);
  assert.deepEqual(await world.events(site.siteId), []);
});

test('a token is not spent by a request that is refused before', async () => {
  await using world = await createWorld();
  await using ingress = await world.start();
  const site = await world.site({}, ingress);
  const claims = { jti: 'kept' };
  for (const overrides of [
    { bodyAfterSigning: '{}' },
    { event: { data: {} } },
    { event: { event_type: 'no.such' } },
    { headers: { 'x-idempotency-key': crypto.randomUUID() } },
  ]) {
    const answer = await post(ingress.apiUrl, site, { claims, ...overrides });
    assert.ok([401, 422].includes(answer.status) && answer.body.code !== 'token_replayed', answer.body.code);
  }
  assert.equal(outcome(await post(ingress.apiUrl, site, { claims })), 202);
});
