import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { after, before, beforeEach, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { PUBLISHED_KEY, readBucket } from '@pressferry/sites';
import { ecKeyPair, rsaKeyPair, waitFor } from '@pressferry/testing';
import { pressferry } from './command.ts';
import { createRegistryWorld, keyring, type RegistryWorld } from './registry-world.ts';

let world: RegistryWorld;
before(async () => {
  world = await createRegistryWorld();
});
after(() => world[Symbol.asyncDispose]());
beforeEach(() => world.db.deleteFrom('sites').execute());

const { publicPem } = rsaKeyPair(0);
const line = (siteId: string, more: Record<string, unknown> = {}) => ({
  site_id: siteId,
  issuer: `https://${siteId}.example`,
  kid: 'k1',
  public_key: publicPem,
  secret: `the secret of ${siteId}, long enough`,
  ...more,
});
const ndjson = (lines: unknown[]): string => lines.map((one) => `${JSON.stringify(one)}\n`).join('');
const count = async (): Promise<number> =>
  Number(
    (
      await world.db
        .selectFrom('sites')
        .select((of) => of.fn.countAll().as('n'))
        .executeTakeFirstOrThrow()
    ).n,
  );
const names = (amount: number): string[] =>
  Array.from({ length: amount }, (_, at) => `site-${String(at).padStart(4, '0')}`);

test('500 sites are registered, published and in force in a small part of the time of as many imports; the same file again changes nothing', async () => {
  const file = await world.file('500.ndjson', ndjson(names(500).map((name) => line(name))));
  const one = await world.file('one.ndjson', ndjson([line('alone')]));
  const timed = async (path: string): Promise<[Record<string, unknown>, number]> => {
    const begun = performance.now();
    return [await world.json(['sites', 'import', path]), performance.now() - begun];
  };
  const [, oneMs] = await timed(one);
  await world.db.deleteFrom('sites').execute();
  const [{ registered, refused, in_force }, tookMs] = await timed(file);
  assert.deepEqual([registered, refused, in_force], [500, 0, true]);
  assert.ok(tookMs < 30 * oneMs, `${tookMs} ms, and ${oneMs} ms for one site`);
  await waitFor(() => world.sites.count().sites === 500, { what: 'all of them in a replica' });
  assert.equal(world.sites.count().faulty, 0);
  assert.equal(
    world.sites.find('site-0499')?.secrets[0]?.key.export().toString(),
    'the secret of site-0499, long enough',
  );
  const again = await world.json(['sites', 'import', file]);
  assert.deepEqual([again.registered, again.unchanged, again.refused], [0, 500, 0]);
});

test('a run that is killed is run again to its end', async () => {
  const file = await world.file('killed.ndjson', ndjson(names(2_000).map((name) => line(name))));
  // Who else registers the last one holds the run up there.
  const other = await world.db.startTransaction().execute();
  await other
    .insertInto('sites')
    .values({ site_id: 'site-1999', issuer: 'https://other.example', audience: 'pressferry' })
    .execute();
  const killed = pressferry(['sites', 'import', file], world.env);
  await waitFor(async () => (await count()) > 0, { what: 'the first batch', everyMs: 2 });
  killed.kill('SIGKILL');
  await killed.exited;
  await other.rollback().execute();
  const before = await count();
  assert.ok(before > 0 && before < 2_000, String(before));
  const { registered, unchanged } = await world.json(['sites', 'import', file]);
  assert.deepEqual([registered, unchanged], [2_000 - before, before]);
  await waitFor(() => world.sites.count().sites === 2_000, { what: 'all of them in a replica' });
});

test('each refused line is told by its number and every fault of it; the others are registered', async () => {
  await world.json(['sites', 'import', await world.file('first.ndjson', ndjson([line('registered')]))]);
  const text = [
    JSON.stringify(line('good')),
    '{"site_id": "cut',
    JSON.stringify(
      line('Bad Name', { callback_url: 'ftp://x.example', public_key: ecKeyPair(0).publicPem, algorithm: 'RS256' }),
    ),
    JSON.stringify({ site_id: 'lacking' }),
    JSON.stringify(line('settings', { settings: { 'rate.per_minute': -1, colour: 'red' } })),
    '',
    JSON.stringify(line('good')),
    JSON.stringify(line('registered', { issuer: 'https://moved.example' })),
    JSON.stringify(line('two', { secret_file: 'x' })),
    JSON.stringify(line('last', { settings: { 'rate.per_minute': 600 }, status: 'paused' })),
  ].join('\n');
  const file = await world.file('faults.ndjson', text);
  const printed = await world.run(['sites', 'import', file], { code: 4 });
  for (const part of [
    /^line 2: is not JSON$/m,
    /^line 3: "Bad Name" is not a site id/m,
    /^line 3: the callback URL has the scheme ftp:/m,
    /^line 3: the key is of type ec; RS256 needs an RSA key/m,
    /^line 4: issuer: /m,
    /^line 5: rate\.per_minute: /m,
    /^line 5: colour: there is no such setting/m,
    /^line 7: good is on line 1 already$/m,
    /^line 8: registered is registered already, and its issuer is https:\/\/registered\.example/m,
    /^line 9: give secret or secret_file, not both$/m,
    /^2 sites were registered, 0 were registered so already, 7 lines were refused$/m,
  ])
    assert.match(printed, part);
  await world.inForce('good', 'active');
  await world.inForce('last', 'paused');
  assert.deepEqual(world.sites.find('last')?.settings, { rate_limit: { per_minute: 600 } });
});

test('CSV is read with quoted keys of many lines, files next to it, and secrets that are generated once', async () => {
  await world.file('key.pem', publicPem);
  const csv = [
    'site_id,issuer,kid,public_key,public_key_file,callback_url,settings.rate.per_minute',
    `a,https://a.example,k1,"${publicPem}",,https://a.example/callback,600`,
    'b,https://b.example,k1,,key.pem,,',
    'c,https://c.example,k1,,missing.pem,,',
  ].join('\r\n');
  const file = await world.file('sites.csv', `\uFEFF${csv}\r\n`);
  const folder = world.path('');
  const args = ['sites', 'import', file, '--secrets-dir', folder];
  const dry = await world.json([...args, '--dry-run'], { code: 4 });
  assert.deepEqual([dry.registered, dry.in_force, await count()], [2, false, 0]);
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.endsWith('.secret')),
    [],
  );
  assert.match(await world.run(args, { code: 4 }), /^line \d+: the key file .*missing\.pem cannot be read: ENOENT$/m);
  assert.equal((await stat(world.path('a.secret'))).mode & 0o777, 0o600);
  await world.inForce('b', 'active');
  assert.deepEqual(world.sites.find('a')?.settings, { rate_limit: { per_minute: 600 } });
  const secret = (await readFile(world.path('b.secret'), 'utf8')).trim();
  assert.equal(world.sites.find('b')?.secrets[0]?.key.export().toString(), secret);
  const again = await world.json(args, { code: 4 });
  assert.deepEqual([again.registered, again.unchanged], [0, 2]);
  assert.match(
    await world.run(['sites', 'import', world.path('none.csv')], { code: 1 }),
    /none\.csv cannot be read: ENOENT/,
  );
});

test('5,000 sites are listed, and published after the bucket was lost', async () => {
  const sealed = names(5_000).map((name) => [name, keyring.seal('a secret', `site-secret:${name}`)] as const);
  for (let from = 0; from < sealed.length; from += 1_000) {
    const some = sealed.slice(from, from + 1_000);
    await world.db
      .insertInto('sites')
      .values(
        some.map(([site_id]) => ({
          site_id,
          issuer: `https://${site_id}.example`,
          audience: 'pressferry',
          callback_url: null,
        })),
      )
      .execute();
    await world.db
      .insertInto('site_keys')
      .values(some.map(([site_id]) => ({ site_id, kid: 'k1', algorithm: 'RS256' as const, public_key: publicPem })))
      .execute();
    await world.db
      .insertInto('site_secrets')
      .values(some.map(([site_id, sealed_secret]) => ({ site_id, sealed_secret })))
      .execute();
  }
  const listed = (await world.json(['sites', 'list'])) as unknown as unknown[];
  assert.equal(listed.length, 5_000);
  await (await jetstreamManager(world.connection.nats)).streams.delete('KV_sites');
  await world.run(['sites', 'publish']);
  const texts = await readBucket(world.connection.nats);
  assert.deepEqual([texts.size, texts.has(PUBLISHED_KEY)], [5_001, true]);
  await waitFor(() => world.sites.isReady() && world.sites.count().sites === 5_000, { what: 'a replica to know them' });
});
