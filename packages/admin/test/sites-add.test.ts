import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { rsaKeyPair, waitFor } from '@pressferry/testing';
import { createRegistryWorld, keyring, type RegistryWorld } from './registry-world.ts';

let world: RegistryWorld;
let publicKey: string;
before(async () => {
  world = await createRegistryWorld();
  publicKey = await world.file('public.pem', rsaKeyPair(0).publicPem);
});
after(() => world[Symbol.asyncDispose]());

const add = (siteId: string, ...more: string[]): string[] => [
  ...['sites', 'add', siteId, '--issuer', `https://${siteId}.example`, '--kid', 'k1'],
  ...more,
];
const withKey = (siteId: string, ...more: string[]): string[] =>
  add(siteId, '--public-key', publicKey, '--secret-file', world.path(`${siteId}.secret`), ...more);

const secretsOf = async (siteId: string): Promise<string[]> => {
  const rows = await world.db.selectFrom('site_secrets').selectAll().where('site_id', '=', siteId).execute();
  return rows.map(({ sealed_secret }) => keyring.open(sealed_secret, `site-secret:${siteId}`).toString());
};
const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined;
const isRegistered = async (siteId: string): Promise<boolean> =>
  (await world.db.selectFrom('sites').select('site_id').where('site_id', '=', siteId).execute()).length > 0;

test('a site is registered, published and its secret generated into a file of its owner; the same again changes nothing', async () => {
  const printed = await world.run(withKey('shop', '--callback-url', 'https://shop.example/callback'));
  const secret = (await readFile(world.path('shop.secret'), 'utf8')).trim();
  assert.match(printed, /shop is registered; its secret was generated into .*shop\.secret\n/);
  assert.ok(!printed.includes(secret));
  assert.equal((await stat(world.path('shop.secret'))).mode & 0o777, 0o600);
  const site = await waitFor(() => world.sites.find('shop'), { what: 'the site' });
  assert.equal(site.secrets[0]?.key.export().toString(), secret);
  assert.deepEqual(
    [site.audience, site.callbackUrl, [...site.keys.keys()]],
    ['pressferry', 'https://shop.example/callback', ['k1']],
  );
  const again = await world.json(withKey('shop', '--callback-url', 'https://shop.example/callback'));
  assert.deepEqual([again.result, again.in_force], ['unchanged', true]);
  assert.deepEqual(await secretsOf('shop'), [secret]);
  const { length } = await world.db.selectFrom('audit_log').selectAll().where('site_id', '=', 'shop').execute();
  assert.equal(length, 1);
});

test('a registered site that is added otherwise is refused, with what differs and what changes it; nothing is dropped in silence', async () => {
  await world.run(withKey('other'));
  const before = await secretsOf('other');
  const secretFile = await world.file('second.secret', 'another secret of the site');
  const key = await world.file('second.pem', rsaKeyPair(1).publicPem);
  const args = ['--public-key', key, '--secret-file', secretFile, '--audience', 'mine'];
  const { result, why } = await world.json([...add('other', ...args, '--callback-url', 'https://other.example/x')], {
    code: 1,
  });
  assert.equal(result, 'refused');
  const text = (why as string[]).join('\n');
  for (const part of [
    /audience is pressferry: pressferry sites set other/,
    /callback URL is none: .*endpoint set/,
    /key k1 is another one/,
    /newest secret is another one: .*secrets add/,
  ])
    assert.match(text, part);
  assert.deepEqual(await secretsOf('other'), before);
  // Its secret is not generated a second time.
  const gone = await world.json(add('other', '--public-key', publicKey, '--secret-file', world.path('none.secret')), {
    code: 1,
  });
  assert.match((gone.why as string[]).join(), /the file of its secret is not there/);
  assert.equal(await exists(world.path('none.secret')), false);
});

test('what services could not use is refused with every fault, before anything is written', async () => {
  const bad = await world.file(
    'private.pem',
    String(rsaKeyPair(0).privateKey.export({ format: 'pem', type: 'pkcs8' })),
  );
  const given = [
    '--public-key',
    bad,
    '--secret-file',
    world.path('bad.secret'),
    '--callback-url',
    'wp.example/callback',
  ];
  const refused = await world.run(['sites', 'add', 'Bad Shop', '--issuer', '', '--kid', 'k1', ...given], { code: 1 });
  for (const part of [/is not a site id/, /issuer is empty/, /callback URL is not an absolute URL/, /is a private key/])
    assert.match(refused, part);
  assert.ok(!refused.includes('MII'));
  assert.equal(await exists(world.path('bad.secret')), false);
  assert.deepEqual(await world.db.selectFrom('sites').select('site_id').where('site_id', 'like', '%ad%').execute(), []);
  // The blank line of public report 23, and a secret that no side could type.
  const blank = await world.file('blank.pem', `\n${rsaKeyPair(0).publicPem}`);
  assert.match(
    await world.run([...add('blank', '--public-key', blank, '--print-secret')], { code: 1 }),
    /does not begin with/,
  );
  const short = await world.file('short.secret', 'short');
  assert.match(
    await world.run(add('blank', '--public-key', publicKey, '--secret-file', short), { code: 1 }),
    /5 characters/,
  );
  assert.match(
    await world.run(add('blank', '--public-key', world.path('none'), '--print-secret'), { code: 1 }),
    /cannot be read: ENOENT/,
  );
  assert.equal(await isRegistered('blank'), false);
});

test('a secret is printed only if that is asked for; options that miss something end with 2', async () => {
  const printed = await world.json(add('printed', '--public-key', publicKey, '--print-secret'));
  assert.deepEqual(await secretsOf('printed'), [printed.secret]);
  assert.match(
    await world.run(add('printed', '--public-key', publicKey), { code: 2 }),
    /--secret-file, or --print-secret/,
  );
  await world.run(['sites', 'add', 'x'], { code: 2 });
  await world.run(['sites', 'no-such-command'], { code: 2 });
});

test('a key for HS256 is taken if the operator allows it, and sealed', async () => {
  const secret = 'thirty-two bytes of a shared secret, or more';
  const file = await world.file('hs256.key', `${secret}\n`);
  const args = add('shared', '--hs256-key-file', file, '--print-secret');
  assert.match(await world.run(args, { code: 1 }), /HS256 is off: set ALLOW_HS256=true/);
  const weak = await world.file('weak.key', 'thirty-one bytes are not enough');
  assert.match(
    await world.run(add('shared', '--hs256-key-file', weak, '--print-secret', '--allow-hs256'), { code: 1 }),
    /31 bytes long; HS256 needs 32/,
  );
  await world.run(args, { env: { ALLOW_HS256: 'true' } });
  const key = await waitFor(() => world.sites.find('shared')?.keys.get('k1'), { what: 'the key' });
  assert.deepEqual([key.algorithm, key.key.export().toString()], ['HS256', secret]);
  const { public_key } = await world.db
    .selectFrom('site_keys')
    .selectAll()
    .where('site_id', '=', 'shared')
    .executeTakeFirstOrThrow();
  assert.match(public_key, /^pf1\.test\./);
});

test('with NATS away a change is kept, told as not yet in force, and ends with 3; run again it is published', async () => {
  const unreachable = { NATS_URL: 'nats://127.0.0.1:1' };
  const told = await world.run(withKey('late'), { code: 3, env: unreachable });
  assert.match(told, /late is registered/);
  assert.match(told, /Postgres has it, but the services do not know it yet: NATS did not answer within 5 s/);
  assert.match(told, /pressferry sites publish/);
  assert.equal(world.sites.find('late'), undefined);
  assert.equal((await world.json(withKey('late'))).in_force, true);
  await world.inForce('late', 'active');
  // Without NATS_URL nothing is begun.
  const none = { NATS_URL: '' };
  assert.match(await world.run(withKey('never'), { code: 78, env: none }), /NATS_URL is not set/);
  assert.equal(await isRegistered('never'), false);
});

test('a dash is standard input, because a pod has no files of its operator: keys, secrets, lists; test credentials come out of it', async () => {
  await world.run([...add('piped'), '--public-key', '-', '--print-secret'], {
    input: await readFile(publicKey, 'utf8'),
  });
  await waitFor(() => world.sites.find('piped'), { what: 'the site' });
  const secret = 'a secret of the site, of more than thirty-two characters';
  await world.run(['sites', 'secrets', 'add', 'piped', '--secret-file', '-'], { input: `${secret}\n` });
  assert.ok((await secretsOf('piped')).includes(secret));
  const line = { site_id: 'listed', issuer: 'https://listed.example', kid: 'k1', secret };
  const list = JSON.stringify({ ...line, public_key: await readFile(publicKey, 'utf8') });
  await world.run(['sites', 'import', '-'], { input: `${list}\n` });
  assert.ok(await isRegistered('listed'));
  const credentials = JSON.parse(await world.run(['sites', 'make-test', '--out', '-'])) as { siteId: string };
  assert.equal(credentials.siteId, 'pressferry-test');
});
