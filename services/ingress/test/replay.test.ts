import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signedRequest, signedToken, waitFor } from '@pressferry/testing';
import { ask, createWorld, outcome, post, send, spread } from './world.ts';

test('a token that the store forgot in a restart of NATS has no second effect: the very same request is a duplicate', async () => {
  await using world = await createWorld();
  await using ingress = await world.start();
  const site = await world.site({}, ingress);
  const requests = Array.from({ length: 5 }, () => signedRequest(site));
  const first = await Promise.all(requests.map((request) => send(ingress, request)));
  assert.deepEqual(new Set(first.map(outcome)), new Set([202]));
  await world.nats.kill();
  await world.nats.restart();
  for (const [at, request] of requests.entries()) {
    // The store is in memory; anyone who misses it recreates it, and a token spent once more there is spent for good.
    const again = await waitFor(
      async () => {
        const answer = await send(ingress, request);
        return answer.status !== 503 && answer;
      },
      { what: 'an answer after the restart' },
    );
    // A 503 has spent the token in the new store: then the second use is refused.
    assert.ok(again.body.duplicate === true || outcome(again) === 'token_replayed', JSON.stringify(again.body));
    if (again.status === 202) assert.equal(again.body.request_id, first[at]?.body.request_id);
    assert.equal(outcome(await send(ingress, request)), 'token_replayed');
  }
  await waitFor(() => world.connection.isConnected(), { what: "the test's connection" });
  assert.equal((await world.events(site.siteId)).length, requests.length);
});

test('a store that vanishes under load is recreated once, and no request is lost or doubled by it', async () => {
  await using world = await createWorld();
  await using one = await world.start();
  await using two = await world.start();
  const site = await world.site({}, one, two);
  await world.manager.streams.delete('REPLAY');
  const answers = await spread([one, two], 40, (to) => post(to, site));
  for (const answer of answers)
    assert.ok([202, 'stream_unavailable'].includes(outcome(answer)), String(outcome(answer)));
  const accepted = answers.filter(({ status }) => status === 202);
  assert.ok(accepted.length > 0);
  const ids = (await world.events(site.siteId)).map(({ requestId }) => requestId);
  assert.deepEqual(ids.toSorted(), accepted.map(({ body }) => body.request_id).toSorted());
  // It is there again, and its judgement holds in both.
  const { config } = await world.manager.streams.info('REPLAY');
  assert.deepEqual([config.storage, config.num_replicas], ['memory', 1]);
  const request = signedRequest(site);
  assert.equal(outcome(await send(one, request)), 202);
  assert.equal(outcome(await send(two, request)), 'token_replayed');
});

test('a token spent on one route is spent on the other, and one of another site with the same jti is not', async () => {
  await using world = await createWorld();
  await using ingress = await world.start();
  const [site, other] = [await world.site({}, ingress), await world.site({}, ingress)];
  const claims = { jti: 'shared' };
  const asked = await ask(ingress, site, signedRequest(site).idempotencyKey, signedToken(site, { claims }));
  assert.equal(outcome(asked), 'event_unknown');
  assert.equal(outcome(await post(ingress, site, { claims })), 'token_replayed');
  assert.equal(outcome(await post(ingress, other, { claims })), 202);
  assert.deepEqual(await world.events(site.siteId), []);
});
