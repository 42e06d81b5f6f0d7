// Report 23, keys that `sites add` takes: google/exposure-notifications-server issue 1313, jsonwebtoken.github.io issue 475, home-lang/home issue 278, kjur/jsrsasign issue 105.
// Report 27, the bucket of sites is lost: nats-io/nats-server issue 6614, nats-io/nats.rs issue 1596, nats-io/nats.js issue 270.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { applySitesBucket, markPublished, putSite, type SiteRecord } from '@pressferry/sites';
import { rsaKeyPair } from '@pressferry/testing';
import { createRegistryWorld, type RegistryWorld } from '../../packages/admin/test/registry-world.ts';
import { becomesSoon, createWorld, outcome, post, senderOf, siteRecord } from '../../services/ingress/test/world.ts';

const stack = new AsyncDisposableStack();
let registry: RegistryWorld;
before(async () => {
  registry = stack.use(await createRegistryWorld());
});
after(() => stack.disposeAsync());

const add = (siteId: string, key: string): string[] => [
  ...['sites', 'add', siteId, '--issuer', `https://${siteId}.example`, '--kid', 'k1'],
  ...['--public-key', key, '--secret-file', registry.path(`${siteId}.secret`)],
];

test('a key that services would not take is refused with its reason, and nothing of it is stored', async () => {
  const { publicPem, privateKey } = rsaKeyPair(0);
  const short = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey;
  for (const [name, text, reason] of [
    ['private', String(privateKey.export({ format: 'pem', type: 'pkcs8' })), /private key/],
    ['blank', `\n${publicPem}`, /does not begin with/],
    ['short', String(short.export({ format: 'pem', type: 'spki' })), /1024 bits/],
  ] as const)
    assert.match(await registry.run(add(name, await registry.file(`${name}.pem`, text)), { code: 1 }), reason);
  assert.deepEqual(await registry.db.selectFrom('sites').select('site_id').execute(), []);
});

test('a lost bucket is made again by `sites publish` alone, and what changes afterwards is in force', async () => {
  await registry.run(add('shop', await registry.file('public.pem', rsaKeyPair(0).publicPem)));
  await registry.inForce('shop', 'active');
  const manager = await jetstreamManager(registry.connection.nats);
  await manager.streams.delete('KV_sites');
  await registry.run(['sites', 'publish']);
  await registry.inForce('shop', 'active');
  await registry.run(['sites', 'disable', 'shop']);
  await registry.inForce('shop', 'disabled');
});

test('a bucket that is lost, made again and published is in force; no disabled site is served meanwhile, and readiness tells', async () => {
  await using apart = await createWorld();
  await using ingress = await apart.start();
  const [disabled, kept, removed] = [siteRecord(), siteRecord(), siteRecord()];
  for (const record of [disabled, kept, removed]) await apart.site(record, ingress);
  const ask = (record: SiteRecord) => post(ingress, senderOf(record));
  const soon = (record: SiteRecord, wanted: number | string) => becomesSoon(apart, () => ask(record), wanted);

  await apart.manager.streams.delete('KV_sites');
  await soon(kept, 'registry_unavailable');
  const ready = await fetch(`${ingress.opsUrl}/readyz`);
  assert.equal(ready.status, 503);
  assert.match(await ready.text(), /bucket sites/);
  const bucket = await applySitesBucket(apart.connection.nats, 1);
  await putSite(bucket, { ...disabled, status: 'disabled' });
  await putSite(bucket, kept);
  assert.equal(outcome(await ask(kept)), 'registry_unavailable');
  await markPublished(bucket);
  await soon(disabled, 'site_disabled');
  await soon(kept, 202);
  assert.equal(outcome(await ask(removed)), 'site_unknown');
  assert.ok((await fetch(`${ingress.opsUrl}/readyz`)).ok);
  await putSite(bucket, { ...kept, status: 'disabled' });
  await soon(kept, 'site_disabled');
});
