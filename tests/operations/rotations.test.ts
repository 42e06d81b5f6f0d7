// Rehearses docs/guides/rotation.md and docs/guides/incidents.md: secret, key and sealing key, by turns and after a leak.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { type Stack, type StackSite, startStack } from '@pressferry/devstack';
import { type Receiver, startReceiver } from '../../services/callback/test/receiver.ts';
import { FAST, loadSite, quietOptions, send } from '../e2e/stack.ts';
import { assertNothingLost, PATIENT, rollAll, startLoad } from './under-load.ts';

const MAIN = join(import.meta.dirname, '../../packages/admin/src/main.ts');

let stack: Stack;
let site: StackSite;
let receiver: Receiver;
let folder: string;
let keysFile: string;
const resources = new AsyncDisposableStack();
before(async () => {
  const options = await quietOptions(resources);
  folder = options.dataDir;
  keysFile = join(folder, '../sealing-keys');
  // As the chart mounts them: a changed Secret is read at the next start.
  const fromFile = { SEALING_KEYS: '', SEALING_KEYS_FILE: keysFile };
  const serviceEnv = {
    ingress: { ...fromFile, ...PATIENT },
    enricher: { ...FAST.enricher, ...fromFile },
    callback: { ...FAST.callback, ...fromFile },
  };
  const onPlanned = ({ secrets }: { secrets: { sealingKeys: string } }) => writeFileSync(keysFile, secrets.sealingKeys);
  stack = resources.use(
    await startStack({ ...options, serviceEnv, onPlanned, replicas: { ingress: 2, enricher: 2, callback: 2 } }),
  );
  site = loadSite(stack);
  receiver = resources.use(await startReceiver(site.hmacSecret));
  await stack.setCallbackUrl(site.siteId, receiver.url);
});
after(() => resources.disposeAsync());

/** Runs `pressferry` with the keys that are in force; it must end with 0. */
async function pressferry(...args: string[]): Promise<string> {
  const { postgresUrl, natsUrl } = stack.file;
  const env = { PATH: process.env.PATH, DATABASE_URL: postgresUrl, NATS_URL: natsUrl, SEALING_KEYS_FILE: keysFile };
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args], { env });
  return stdout;
}

async function assertNothingLostOrForged(load: ReturnType<typeof startLoad>): Promise<void> {
  await assertNothingLost(load, stack, receiver.stored);
  const pushed = receiver.received.filter(({ verified }) => !verified);
  assert.deepEqual(pushed, [], 'a push did not verify');
}

test('the sealing key is replaced under load: nothing is refused or lost, and everything opens with the new key alone', async () => {
  await using load = startLoad(stack, site);
  await load.more(20);
  const old = (await readFile(keysFile, 'utf8')).trim();
  const young = `young:${randomBytes(32).toString('base64')}`;
  // First every replica must be able to open what any other will seal.
  await writeFile(keysFile, `${old},${young}`);
  await rollAll(stack);
  await load.more(20);
  await writeFile(keysFile, `${young},${old}`);
  await rollAll(stack);
  await load.more(20);
  await pressferry('seal', 'rotate', '--batch', '50');
  await load.more(20);
  const status = JSON.parse(await pressferry('seal', 'status', '--json')) as {
    current: string;
    still_needed: string[];
  };
  assert.deepEqual([status.current, status.still_needed], ['young', []]);
  // Here every event has been taken over; in production this waits until EVENTS holds none from before.
  await writeFile(keysFile, young);
  await rollAll(stack);
  await load.more(20);
  await assertNothingLostOrForged(load);
});

test('the secret of a site is replaced under load, in both directions, and the old one ends', async () => {
  await using load = startLoad(stack, site);
  await load.more(20);
  const file = join(folder, 'secret.2');
  await pressferry('sites', 'secrets', 'add', site.siteId, '--secret-file', file, '--overlap', '7d');
  const secret = (await readFile(file, 'utf8')).trim();
  await load.more(20);
  // The site takes results with either; then it signs with the new one.
  receiver.secrets.unshift(secret);
  await load.more(20);
  const before_ = site;
  site = { ...site, hmacSecret: secret };
  load.site = site;
  await load.more(20);
  const text = await pressferry('sites', 'secrets', 'list', site.siteId, '--json');
  const secrets = JSON.parse(text) as { secret_id: string; expires_at: string | null }[];
  const older = secrets.find(({ expires_at }) => expires_at !== null);
  assert.ok(older);
  await pressferry('sites', 'secrets', 'expire', site.siteId, older.secret_id);
  await load.more(20);
  await assertNothingLostOrForged(load);
  const refused = await send(stack, before_, {
    event: { event_type: 'pressferry.test', data: stack.file.samples['pressferry.test'] },
  });
  assert.deepEqual([refused.response.status, refused.body.code], [401, 'signature_mismatch']);
});

test('the key of a site is replaced under load, and a leaked one ends at once', async () => {
  await using load = startLoad(stack, site);
  await load.more(20);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const [publicFile, privateFile] = [join(folder, 'new.pub.pem'), join(folder, 'new.pem')];
  await writeFile(publicFile, publicKey);
  await writeFile(privateFile, privateKey, { mode: 0o600 });
  await pressferry(
    'sites',
    'keys',
    'add',
    site.siteId,
    '--kid',
    'second',
    '--public-key',
    publicFile,
    '--overlap',
    '24h',
  );
  await load.more(20);
  const before_ = site;
  site = { ...site, kid: 'second', privateKeyFile: privateFile };
  load.site = site;
  await load.more(20);
  await pressferry('sites', 'keys', 'expire', site.siteId, before_.kid);
  await load.more(20);
  await assertNothingLostOrForged(load);
  const refused = await send(stack, before_, {
    event: { event_type: 'pressferry.test', data: stack.file.samples['pressferry.test'] },
  });
  assert.deepEqual([refused.response.status, refused.body.code], [401, 'token_key_unknown']);
});
