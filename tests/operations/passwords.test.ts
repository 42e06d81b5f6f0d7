// Rehearses docs/guides/rotation.md: the passwords of Postgres and of NATS.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Stack, type StackSite, startStack } from '@pressferry/devstack';
import pg from 'pg';
import { type Receiver, startReceiver } from '../../services/callback/test/receiver.ts';
import { FAST, loadSite, quietOptions } from '../e2e/stack.ts';
import { assertNothingLost, PATIENT, rollAll, startLoad } from './under-load.ts';

let stack: Stack;
let site: StackSite;
let receiver: Receiver;
let urlFile: string;
let natsUrlFile: string;
let natsConfig: string;
let admin: pg.Client;
const resources = new AsyncDisposableStack();
before(async () => {
  const options = await quietOptions(resources);
  urlFile = join(options.dataDir, '../database-url');
  natsUrlFile = join(options.dataDir, '../nats-url');
  natsConfig = join(options.dataDir, 'nats/nats-server.conf');
  // The first start makes the database and its address; the second reads the address from a file, as the chart mounts it.
  {
    await using first = await startStack(options);
    await writeFile(urlFile, first.file.postgresUrl);
    await writeFile(natsUrlFile, first.file.natsUrl);
  }
  const nats = { NATS_URL: '', NATS_URL_FILE: natsUrlFile };
  const ingress = { ...nats, ...PATIENT };
  const fromFile = { DATABASE_URL: '', DATABASE_URL_FILE: urlFile, ...nats };
  const serviceEnv = {
    ingress,
    enricher: { ...FAST.enricher, ...fromFile },
    callback: { ...FAST.callback, ...fromFile },
  };
  stack = resources.use(
    await startStack({ ...options, serviceEnv, replicas: { ingress: 2, enricher: 2, callback: 2 } }),
  );
  admin = new pg.Client({ connectionString: stack.file.postgresUrl });
  await admin.connect();
  resources.defer(() => admin.end());
  site = loadSite(stack);
  receiver = resources.use(await startReceiver(site.hmacSecret));
  await stack.setCallbackUrl(site.siteId, receiver.url);
});
after(() => resources.disposeAsync());

/** The users that services are connected as. */
async function usersOfServices(): Promise<string[]> {
  const { rows } = await admin.query<{ usename: string }>(
    "select distinct usename from pg_stat_activity where application_name ~ '(enricher|callback)' order by 1",
  );
  return rows.map(({ usename }) => usename);
}

test('the user of Postgres is replaced under load by another of the same group: nothing is refused or lost', async () => {
  await using load = startLoad(stack, site);
  await load.more(20);
  const owner = new URL(stack.file.postgresUrl).username;
  assert.deepEqual(await usersOfServices(), [owner]);
  await admin.query(`create role pressferry_second login password 'second' in role "${owner}"`);
  const url = new URL(stack.file.postgresUrl);
  url.username = 'pressferry_second';
  url.password = 'second';
  await writeFile(urlFile, url.href);
  await rollAll(stack);
  await load.more(20);
  assert.deepEqual(await usersOfServices(), ['pressferry_second']);
  await assertNothingLost(load, stack, receiver.stored);
});

const PASSWORDS = { first: 'one', second: 'two' };
type User = keyof typeof PASSWORDS;

/** Has NATS take these users from now on, and no others: its configuration is read again, and no server restarts. */
async function takeUsers(...users: User[]): Promise<void> {
  const list = users.map((user) => `{ user: ${user}, password: ${PASSWORDS[user]} }`).join(', ');
  const config = (await readFile(natsConfig, 'utf8')).replace(
    /^authorization .*$/m,
    `authorization { users: [${list}] }`,
  );
  await writeFile(natsConfig, config);
  process.kill(stack.nats.pid, 'SIGHUP');
}

async function giveServices(user: User): Promise<void> {
  const url = new URL(stack.file.natsUrl);
  url.username = user;
  url.password = PASSWORDS[user];
  await writeFile(natsUrlFile, url.href);
  await rollAll(stack);
}

test('the user of NATS is replaced under load by another of the same account: nothing is refused or lost', async () => {
  await takeUsers('first');
  await giveServices('first');
  await using load = startLoad(stack, site);
  await load.more(20);
  await takeUsers('first', 'second');
  await load.more(20);
  await giveServices('second');
  await load.more(20);
  await takeUsers('second');
  await load.more(20);
  await assertNothingLost(load, stack, receiver.stored);
});
