import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type SiteRecord, secretContext } from '@pressferry/sites';
import { ecKeyPair, rsaKeyPair, type TestSender, waitFor } from '@pressferry/testing';
import type { Ingress } from '../src/app.ts';
import { createWorld, keyring, post, siteRecord, type World } from './world.ts';

let world: World;
let replicas: Ingress[];
before(async () => {
  world = await createWorld();
  replicas = await Promise.all([world.start(), world.start()]);
});
after(async () => {
  await Promise.all(replicas.map((replica) => replica[Symbol.asyncDispose]()));
  await world[Symbol.asyncDispose]();
});

const sealed = (siteId: string, secret: string, expiresAt: Date | null = null) => ({
  sealed_secret: keyring.seal(secret, secretContext(siteId)),
  expires_at: expiresAt?.toISOString() ?? null,
});

/** Sends without a pause, each request to the next replica, as the sender that `sender` names at that moment. */
function sendSteadily(sender: () => TestSender) {
  const answers: (number | string)[] = [];
  let isStopped = false;
  const one = async (first: number): Promise<void> => {
    for (let at = first; !isStopped; at++) {
      const { status, body } = await post(replicas[at % replicas.length]?.apiUrl ?? '', sender());
      answers.push(body.code ?? status);
    }
  };
  const sending = Promise.all([one(0), one(1), one(0), one(1)]);
  const goOn = (count: number): Promise<unknown> => {
    const target = answers.length + count;
    return waitFor(() => answers.length >= target, { what: `${count} further answers`, timeoutMs: 30_000 });
  };
  return {
    answers,
    goOn,
    stop: async () => {
      isStopped = true;
      await sending;
    },
  };
}

test('secret and key rotate with an overlap under load, there and back, without one refused request', async () => {
  const record = siteRecord();
  const sender = await world.site(record, ...replicas);
  const { site_id: siteId } = record;
  const ec = ecKeyPair(0);
  const firstKey = record.keys[0];
  assert.ok(firstKey);
  const secondKey = { kid: ec.kid, algorithm: 'ES256' as const, public_key: ec.publicPem, expires_at: null };
  const old: TestSender = { ...sender, kid: rsaKeyPair(0).kid };
  const renewed: TestSender = {
    ...sender,
    kid: ec.kid,
    alg: 'ES256',
    privateKey: ec.privateKey,
    hmacSecret: 'the second secret',
  };
  let current = old;
  const load = sendSteadily(() => current);
  /** Publishes, and waits until both replicas take what `as` sends: a request by another sender tells, not the load. */
  const publish = async (members: Partial<SiteRecord>, as: TestSender): Promise<void> => {
    await world.put({ ...record, ...members });
    for (const { apiUrl } of replicas)
      await waitFor(async () => (await post(apiUrl, as)).status === 202, { what: 'the overlap', timeoutMs: 2_000 });
  };
  const until = (ms: number): Date => new Date(Date.now() + ms);
  await load.goOn(40);
  for (const [from, to, keys, secrets] of [
    [old, renewed, [firstKey, secondKey], [renewed.hmacSecret, old.hmacSecret]],
    [renewed, old, [secondKey, firstKey], [old.hmacSecret, renewed.hmacSecret]],
  ] as const) {
    const overlap = until(60_000);
    // The new ones next to the old ones, which are still sent.
    const [newest = '', older = ''] = secrets;
    await publish(
      {
        keys: keys.map((key) => (key.kid === from.kid ? { ...key, expires_at: overlap.toISOString() } : key)),
        secrets: [sealed(siteId, newest), sealed(siteId, older, overlap)],
      },
      to,
    );
    await load.goOn(40);
    current = to;
    await load.goOn(40);
    // The end of the overlap.
    await publish({ keys: keys.filter((key) => key.kid === to.kid), secrets: [sealed(siteId, newest)] }, to);
    for (const { apiUrl } of replicas)
      await waitFor(async () => (await post(apiUrl, from)).body.code === 'signature_mismatch', {
        what: 'the end of the old ones',
      });
    await load.goOn(40);
  }
  await load.stop();
  assert.ok(load.answers.length >= 280, String(load.answers.length));
  assert.deepEqual([...new Set(load.answers)], [202]);
});

test('one rotates without the other: a token under the new key over a body of the old secret, and the reverse', async () => {
  const record = siteRecord();
  const sender = await world.site(record, ...replicas);
  const ec = ecKeyPair(1);
  const key = { kid: ec.kid, algorithm: 'ES256' as const, public_key: ec.publicPem, expires_at: null };
  const secrets = [sealed(record.site_id, 'the second secret'), ...record.secrets];
  await world.put({ ...record, keys: [...record.keys, key], secrets });
  const newKey = { kid: ec.kid, alg: 'ES256', privateKey: ec.privateKey } as const;
  const newSecret = { hmacSecret: 'the second secret' };
  for (const mixed of [
    { ...sender, ...newKey },
    { ...sender, ...newSecret },
    { ...sender, ...newKey, ...newSecret },
    sender,
  ]) {
    for (const { apiUrl } of replicas)
      await waitFor(async () => (await post(apiUrl, mixed)).status === 202, {
        what: 'a mixed request',
        timeoutMs: 2_000,
      });
  }
});
