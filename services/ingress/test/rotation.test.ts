import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SiteRecord, secretContext } from '@pressferry/sites';
import { ecKeyPair, type TestSender, waitFor } from '@pressferry/testing';
import { becomes, createWorld, keyring, outcome, post, siteRecord, type Target, untilEnd } from './world.ts';

const world = untilEnd(await createWorld());
const replicas = [untilEnd(await world.start()), untilEnd(await world.start())];

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
      answers.push(outcome(await post(replicas[at % replicas.length] as Target, sender())));
    }
  };
  const sending = Promise.all([one(0), one(1), one(0), one(1)]);
  const goOn = (count: number): Promise<unknown> => {
    const target = answers.length + count;
    return waitFor(() => answers.length >= target, { what: `${count} further answers` });
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
  const firstKey = record.keys[0] as SiteRecord['keys'][number];
  const secondKey = { kid: ec.kid, algorithm: 'ES256' as const, public_key: ec.publicPem, expires_at: null };
  const old: TestSender = { ...sender, kid: firstKey.kid };
  const renewed: TestSender = {
    ...old,
    kid: ec.kid,
    alg: 'ES256',
    privateKey: ec.privateKey,
    hmacSecret: 'the second',
  };
  let current = old;
  const load = sendSteadily(() => current);
  /** Publishes, and waits until both replicas take what `as` sends: a request by another sender tells, not the load. */
  const publish = async (members: Partial<SiteRecord>, as: TestSender): Promise<void> => {
    await world.put({ ...record, ...members });
    for (const replica of replicas) await becomes(() => post(replica, as), 202);
  };
  await load.goOn(40);
  for (const [from, to, keys, secrets] of [
    [old, renewed, [firstKey, secondKey], [renewed.hmacSecret, old.hmacSecret]],
    [renewed, old, [secondKey, firstKey], [old.hmacSecret, renewed.hmacSecret]],
  ] as const) {
    const overlap = new Date(Date.now() + 60_000);
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
    for (const replica of replicas) await becomes(() => post(replica, from), 'signature_mismatch');
    await load.goOn(40);
  }
  await load.stop();
  assert.ok(load.answers.length >= 280, String(load.answers.length));
  assert.deepEqual([...new Set(load.answers)], [202]);
});
