import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { ecKeyPair, rsaKeyPair, waitFor } from '@pressferry/testing';
import { createRegistryWorld, type RegistryWorld } from './registry-world.ts';

let world: RegistryWorld;
before(async () => {
  world = await createRegistryWorld();
  const issuer = 'https://shop.example';
  const publicKey = await world.file('k1.pem', rsaKeyPair(0).publicPem);
  const secret = ['--secret-file', await world.file('first', 'the first secret of the shop\n')];
  await world.run(['sites', 'add', 'shop', '--issuer', issuer, '--kid', 'k1', '--public-key', publicKey, ...secret]);
});
after(() => world[Symbol.asyncDispose]());

const HOUR_MS = 3_600_000;
const site = () => world.sites.find('shop');
const isAbout = (ms: number | undefined, expected: number): boolean => Math.abs((ms ?? 0) - expected) < 60_000;

test('a second key lives next to the first, which expires after the overlap; no id is used twice', async () => {
  const key = await world.file('k2.pem', ecKeyPair(0).publicPem);
  const add = ['sites', 'keys', 'add', 'shop', '--kid', 'k2', '--public-key', key, '--overlap', '24h'];
  assert.match(await world.run(add), /shop has the key k2 \(ES256\); 1 older expire at 20/);
  await waitFor(() => site()?.keys.get('k2')?.algorithm === 'ES256', { what: 'the key' });
  assert.ok(isAbout(site()?.keys.get('k1')?.expiresAtMs, Date.now() + 24 * HOUR_MS));
  assert.equal((await world.json(add)).result, 'unchanged');
  const other = await world.file('other.pem', rsaKeyPair(1).publicPem);
  const taken = ['sites', 'keys', 'add', 'shop', '--kid', 'k2', '--public-key', other];
  assert.match(await world.run(taken, { code: 1 }), /key id k2 is taken/);
  const wrong = ['sites', 'keys', 'add', 'shop', '--kid', 'k3', '--public-key', other, '--algorithm', 'ES256'];
  assert.match(await world.run(wrong, { code: 1 }), /needs an EC key on P-256/);
});

test('a key expires at once, or later, or never; the last one without an end only if forced', async () => {
  assert.match(await world.run(['sites', 'keys', 'expire', 'shop', 'k1']), /key k1 of shop expires now/);
  await waitFor(() => site()?.keys.has('k1') === false, { what: 'the end of k1' });
  const listed = (await world.json(['sites', 'keys', 'list', 'shop'])) as unknown as {
    kid: string;
    is_live: boolean;
    fingerprint: string;
  }[];
  assert.deepEqual(
    listed.map(({ kid, is_live }) => [kid, is_live]),
    [
      ['k1', false],
      ['k2', true],
    ],
  );
  assert.match(listed[0]?.fingerprint ?? '', /^SHA256:[A-Za-z0-9+/]{43}$/);
  assert.match(
    await world.run(['sites', 'keys', 'expire', 'shop', 'k2', '--in', '1h'], { code: 1 }),
    /only key of shop without an end/,
  );
  await world.run(['sites', 'keys', 'expire', 'shop', 'k1', '--never']);
  await waitFor(() => site()?.keys.get('k1')?.expiresAtMs === Number.POSITIVE_INFINITY, { what: 'k1 to be back' });
  await world.run(['sites', 'keys', 'expire', 'shop', 'k2', '--in', '1h']);
  await waitFor(() => isAbout(site()?.keys.get('k2')?.expiresAtMs, Date.now() + HOUR_MS), { what: 'the end of k2' });
  await world.run(['sites', 'keys', 'expire', 'shop', 'k1', '--force']);
  await world.run(['sites', 'keys', 'expire', 'shop', 'none'], { code: 1 });
  await world.run(['sites', 'keys', 'expire', 'shop', 'k1', '--in', 'soon'], { code: 2 });
});

test('a new secret is generated, signs from then on, and the older one expires after the overlap', async () => {
  const add = ['sites', 'secrets', 'add', 'shop', '--secret-file', world.path('second'), '--overlap', '7d'];
  const printed = await world.run(add);
  assert.match(printed, /shop has the new secret [0-9a-f-]{36}; 1 older expire at .*; its secret was generated into/);
  const secret = (await readFile(world.path('second'), 'utf8')).trim();
  await waitFor(() => site()?.secrets.length === 2, { what: 'the secret' });
  assert.deepEqual(
    site()?.secrets.map(({ key }) => key.export().toString()),
    [secret, 'the first secret of the shop'],
  );
  assert.ok(isAbout(site()?.secrets[1]?.expiresAtMs, Date.now() + 7 * 24 * HOUR_MS));
  assert.equal((await world.json(add)).result, 'unchanged');
  const older = ['sites', 'secrets', 'add', 'shop', '--secret-file', world.path('first')];
  assert.match(await world.run(older, { code: 1 }), /an older secret of shop/);
});

test('secrets are listed without what they are, and expire by the beginning of their id', async () => {
  const listed = await world.run(['sites', 'secrets', 'list', 'shop']);
  const [newest, first] = (await world.json(['sites', 'secrets', 'list', 'shop'])) as unknown as {
    secret_id: string;
    sealed_under: string;
  }[];
  assert.ok(newest && first);
  assert.equal(newest.sealed_under, 'test');
  assert.doesNotMatch(listed, /first secret/);
  assert.match(
    await world.run(['sites', 'secrets', 'expire', 'shop', newest.secret_id], { code: 1 }),
    /only secret of shop without an end/,
  );
  await world.run(['sites', 'secrets', 'expire', 'shop', first.secret_id.slice(0, 8)]);
  await waitFor(() => site()?.secrets.length === 1, { what: 'the end of the first secret' });
});

test('no site has more live secrets than each request can be tried with', async () => {
  for (const number of [3, 4, 5, 6])
    await world.run(['sites', 'secrets', 'add', 'shop', '--secret-file', world.path(`s${number}`)]);
  const sixth = ['sites', 'secrets', 'add', 'shop', '--secret-file', world.path('s7')];
  assert.match(await world.run(sixth, { code: 1 }), /5 live secrets, and no site may have more/);
  await assert.rejects(readFile(world.path('s7')), { code: 'ENOENT' });
});
