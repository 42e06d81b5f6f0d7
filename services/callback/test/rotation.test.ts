import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { addSiteKey, addSiteSecret } from '@pressferry/registry';
import { ecKeyPair, rsaKeyPair, signedToken, type TestKeyPair, waitFor } from '@pressferry/testing';
import type { Callback } from '../src/app.ts';
import { startReceiver } from './receiver.ts';
import { createWorld, keyring, type TestSite, type World } from './world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

const OVERLAP_MS = 3_600_000;
/** What a poll is answered whose token is taken: a poll that showed results would end their pushes. */
const TAKEN = 'result_unknown';

test('secret and key rotate with an overlap under load, there and back: no push is made twice, no poll is refused', async () => {
  await using receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  const env = { RATE_LIMIT_SITE_PER_MINUTE: '0' };
  await using one = await world.start(env);
  await using two = await world.start(env);
  const replicas = [one, two];
  const poll = async ({ apiUrl }: Callback, key: TestKeyPair): Promise<string> => {
    const { siteId, issuer } = site;
    const token = signedToken({ siteId, issuer, kid: key.kid, alg: key.alg, privateKey: key.privateKey });
    const response = await fetch(`${apiUrl}/results/${randomUUID()}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return ((await response.json()) as { code: string }).code;
  };

  let key = rsaKeyPair(0);
  const load = await startLoad(site, (at) => poll(replicas[at % 2] ?? one, key));
  await load.goOn(20);
  for (const [secret, next] of [
    ['the second secret', ecKeyPair(0)],
    ['the third secret', rsaKeyPair(0)],
  ] as const) {
    const previousExpireAt = new Date(Date.now() + OVERLAP_MS);
    await addSiteSecret(world.db, keyring, { siteId: site.siteId, secret, previousExpireAt });
    await addSiteKey(world.db, {
      siteId: site.siteId,
      kid: next.kid,
      algorithm: next.alg,
      publicKey: next.publicPem,
    });
    await world.republish(site.siteId);
    for (const replica of replicas)
      await waitFor(async () => (await poll(replica, next)) === TAKEN, { what: 'the overlap' });
    // The site knows neither yet: it verifies by the old secret, and acknowledges under it.
    await load.goOn(20);
    const before = key;
    key = next;
    receiver.secrets = [secret];
    await load.goOn(20);
    await expireOthers(site, next);
    for (const replica of replicas)
      await waitFor(async () => (await poll(replica, before)) !== TAKEN, { what: 'the end of the old key' });
    await load.goOn(20);
    assert.ok(receiver.received.at(-1)?.headers['webhook-signature']?.toString().split(' ').length === 1);
  }
  const { polls, pushed } = await load.stop();
  assert.deepEqual([...new Set(polls)], [TAKEN]);
  assert.equal(receiver.received.length, pushed, 'each result was pushed once');
  assert.ok(receiver.received.every(({ verified }) => verified));
});

/** Leaves the site one secret, the newest, and one key. */
async function expireOthers(site: TestSite, { kid }: TestKeyPair): Promise<void> {
  const expires_at = new Date(Date.now() - 1_000);
  await world.db
    .updateTable('site_secrets')
    .set({ expires_at })
    .where('site_id', '=', site.siteId)
    .where('expires_at', 'is not', null)
    .execute();
  await world.db
    .updateTable('site_keys')
    .set({ expires_at })
    .where('site_id', '=', site.siteId)
    .where('kid', '!=', kid)
    .execute();
  await world.republish(site.siteId);
}

/** Stores results and has them pushed, and polls, each without a pause and in a few lanes. */
async function startLoad(site: TestSite, poll: (at: number) => Promise<string>) {
  const polls: string[] = [];
  let pushed = 0;
  let isStopped = false;
  const pushing = async (): Promise<void> => {
    while (!isStopped) {
      const { resultId } = await world.result(site);
      await waitFor(async () => (await world.status(resultId)) === 'acknowledged', {
        what: `the acknowledgement of ${resultId}`,
      });
      pushed++;
    }
  };
  const polling = async (): Promise<void> => {
    for (let at = 0; !isStopped; at++) polls.push(await poll(at));
  };
  const running = Promise.all([pushing(), pushing(), pushing(), polling(), polling()]);
  running.catch(() => undefined);
  return {
    /** Resolves once so many further results were acknowledged, and as many polls answered. */
    goOn: async (count: number): Promise<void> => {
      const [enough, polled] = [pushed + count, polls.length + count];
      const isDone = waitFor(() => pushed >= enough && polls.length >= polled, {
        what: `${count} further pushes and polls`,
        timeoutMs: 60_000,
      });
      await Promise.race([isDone, running]);
      await isDone;
    },
    stop: async () => {
      isStopped = true;
      await running;
      return { polls, pushed };
    },
  };
}
