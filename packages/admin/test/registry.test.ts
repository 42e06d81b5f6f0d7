import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Kvm } from '@nats-io/kv';
import { SITES_BUCKET } from '@pressferry/contracts';
import { type Connection, openConnection } from '@pressferry/jetstream';
import { createKeyring } from '@pressferry/runtime';
import { followSites, type SiteDirectory } from '@pressferry/sites';
import { rsaKeyPair, startTestNats, startTestPostgres, temporaryDataDir, waitFor } from '@pressferry/testing';
import { pressferry } from './command.ts';

const SEALING_KEYS = `test:${Buffer.alloc(32, 7).toString('base64')}`;

let env: Record<string, string>;
let connection: Connection;
let sites: SiteDirectory;
let add: string[];
let secretFile: string;
const resources = new AsyncDisposableStack();
before(async () => {
  const nats = resources.use(await startTestNats({ authToken: 'token-of-the-test' }));
  const postgres = resources.use(await startTestPostgres());
  const database = resources.use(await postgres.createDatabase());
  const folder = resources.use(await temporaryDataDir());
  const NATS_URL = nats.url.replace('//', '//token-of-the-test@');
  env = { NATS_URL, DATABASE_URL: database.url, SEALING_KEYS };
  const publicKey = join(folder.parent, 'public.pem');
  secretFile = join(folder.parent, 'secret');
  await writeFile(publicKey, rsaKeyPair(0).publicPem);
  add = ['sites', 'add', 'shop-1', '--issuer', 'https://shop.example', '--kid', 'k1', '--public-key', publicKey];
  add.push('--secret-file', secretFile);
  connection = resources.use(await openConnection({ url: NATS_URL, name: 'test' }));
  sites = resources.use(followSites(connection, createKeyring(SEALING_KEYS), { onFault: () => undefined }));
});
after(() => resources.disposeAsync());

/** Runs a command to its end, which must be a success unless told otherwise; resolves to what it printed. */
async function run(args: string[], { code = 0, variables = env } = {}): Promise<string> {
  const command = pressferry(args, variables);
  assert.equal(await command.exited, code, command.output());
  return command.output();
}

test('an empty database and an empty NATS are made ready by two commands, which change nothing the second time', async () => {
  assert.match(await run(['migrate']), /^applied 0001/);
  assert.match(await run(['migrate']), /up to date/);
  assert.match(await run(['streams', 'apply', '--shards', '2']), /created {4}EVENTS_1\n/);
  assert.doesNotMatch(await run(['streams', 'apply', '--shards', '2']), /created|updated/);
});

test('a site that is added is known to every replica, with a secret made for it that is not printed', async () => {
  const printed = await run(add);
  const secret = (await readFile(secretFile, 'utf8')).trim();
  assert.ok(!printed.includes(secret));
  assert.equal((await stat(secretFile)).mode & 0o777, 0o600);
  const site = await waitFor(() => sites.find('shop-1'), { what: 'the site to be published' });
  assert.equal(site.secrets[0]?.key.export().toString(), secret);
  assert.deepEqual([...site.keys.keys()], ['k1']);
});

test('adding a site again keeps its secret', async () => {
  const before = sites.find('shop-1');
  await run(add);
  await waitFor(() => sites.find('shop-1') !== before, { what: 'the site to be published again' });
  assert.equal(sites.find('shop-1')?.secrets.length, 1);
});

test('a site is paused, resumed and disabled in force, and shown so', async () => {
  for (const [verb, status] of [
    ['pause', 'paused'],
    ['resume', 'active'],
    ['disable', 'disabled'],
  ] as const) {
    await run(['sites', verb, 'shop-1']);
    await waitFor(() => sites.find('shop-1')?.status === status, { what: `the site to be ${status}` });
    assert.match(await run(['sites', 'list']), new RegExp(`shop-1 +${status}`));
  }
});

test('publish brings back what the bucket has lost', async () => {
  await (await new Kvm(connection.nats).open(SITES_BUCKET)).delete('shop-1');
  await waitFor(() => sites.find('shop-1') === undefined, { what: 'the site to be lost' });
  assert.match(await run(['sites', 'publish']), /1 sites published, 0 removed, 0 were/);
  await waitFor(() => sites.find('shop-1'), { what: 'the site to be published again' });
});

test('what is wrong is said, in one line and without a secret', async () => {
  assert.match(
    await run(['sites', 'pause', 'nobody'], { code: 1 }),
    /^there is no site nobody: pressferry sites list\n$/,
  );
  const without = await run(['migrate'], { code: 78, variables: {} });
  assert.equal(without, 'configuration cannot be used:\n  DATABASE_URL is not set\n');
  const malformed = { ...env, SEALING_KEYS: 'none' };
  assert.match(
    await run(['sites', 'secrets', 'add', 'shop-1', '--print-secret'], { code: 78, variables: malformed }),
    /^configuration cannot be used:\n {2}SEALING_KEYS: /,
  );
  const empty = { ...env, DATABASE_URL: env.DATABASE_URL?.replace(/[^/]+$/, 'postgres') ?? '' };
  assert.match(
    await run(['sites', 'list'], { code: 1, variables: empty }),
    /^the database has not the schema of this release: pressferry migrate\n/,
  );
  const unreachable = { DATABASE_URL: 'postgres://role:hidden@127.0.0.1:1/x' };
  const told = await run(['sites', 'list'], { code: 1, variables: unreachable });
  assert.match(told, /^Postgres does not answer: is DATABASE_URL right\?\n {2}because: connect ECONNREFUSED/);
  assert.doesNotMatch(told, /hidden/);
});
