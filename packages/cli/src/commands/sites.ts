import { randomBytes } from 'node:crypto';
import { access, readFile, writeFile } from 'node:fs/promises';
import { DEFAULT_AUDIENCE, isSiteId } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import {
  addSiteKey,
  addSiteSecret,
  publishSite,
  publishSites,
  readSiteRecord,
  readSiteRecords,
  registerSite,
} from '@pressferry/registry';
import { createKeyring } from '@pressferry/runtime';
import { type Command, Option } from 'commander';
import { databaseFrom, natsFrom, sealingKeysFrom } from './connections.ts';
import { runCommand } from './run.ts';

interface AddFlags {
  issuer: string;
  audience: string;
  callbackUrl?: string;
  publicKey: string;
  kid: string;
  algorithm: 'RS256' | 'ES256' | 'EdDSA';
  secretFile: string;
}

/** `pressferry sites …`: the registry, kept in Postgres and published to every replica through NATS. */
export function addSites(program: Command): void {
  const sites = program.command('sites').description('the registered sites (DATABASE_URL, NATS_URL)');
  sites
    .command('add <site-id>')
    .description('register a site with its key and its secret (SEALING_KEYS), or change one, and publish it')
    .requiredOption('--issuer <text>', "the `iss` of its tokens, by default the site's home URL in the plugin")
    .option('--audience <text>', 'the `aud` of its tokens', DEFAULT_AUDIENCE)
    .option('--callback-url <url>', 'where its results are pushed; without one it polls')
    .requiredOption('--public-key <file>', 'the public key that verifies its tokens, as SPKI PEM')
    .requiredOption('--kid <text>', 'the id of that key')
    .addOption(new Option('--algorithm <name>').choices(['RS256', 'ES256', 'EdDSA']).default('RS256'))
    .requiredOption('--secret-file <file>', 'the secret that signs bodies; made there (mode 0600) where it is missing')
    .action((siteId: string, flags: AddFlags) => runCommand(() => add(siteId, flags)));
  sites
    .command('list')
    .description('list the sites')
    .action(() => runCommand(list));
  const changes = { pause: 'paused', resume: 'active', disable: 'disabled' } as const;
  const meanings = {
    pause: 'accept and hold its events, push no results',
    resume: 'let a paused or disabled site work again',
    disable: 'refuse its events',
  };
  for (const verb of ['pause', 'resume', 'disable'] as const) {
    sites
      .command(`${verb} <site-id>`)
      .description(meanings[verb])
      .action((siteId: string) => runCommand(() => change(siteId, verb, changes[verb])));
  }
  sites
    .command('publish')
    .description('publish every site again, from Postgres to NATS: repairs a lost or damaged bucket')
    .action(() => runCommand(publishAll));
}

async function add(siteId: string, flags: AddFlags): Promise<void> {
  if (!isSiteId(siteId)) throw new Error(`"${siteId}" is no site id: 1 to 63 of a-z, 0-9, _ and -, lower case`);
  const { issuer, audience, callbackUrl, kid, algorithm, secretFile } = flags;
  const keyring = createKeyring(sealingKeysFrom(process.env));
  const publicKey = await readFile(flags.publicKey, 'utf8');
  const { secret, isNew } = await readOrMakeSecret(secretFile);
  await using db = databaseFrom(process.env);
  await using connection = await natsFrom(process.env);
  await registerSite(db, { siteId, issuer, audience, ...(callbackUrl === undefined ? {} : { callbackUrl }) });
  await addSiteKey(db, { siteId, kid, algorithm, publicKey });
  const known = await readSiteRecord(db, siteId);
  if (isNew || known?.secrets.length === 0) await addSiteSecret(db, keyring, { siteId, secret });
  await publishSite(db, connection.nats, siteId);
  await audit(db, 'site.add', siteId);
  console.log(`${siteId} is registered and published; its secret is in ${secretFile}`);
}

async function readOrMakeSecret(path: string): Promise<{ secret: string; isNew: boolean }> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (exists) return { secret: (await readFile(path, 'utf8')).trimEnd(), isNew: false };
  const secret = randomBytes(32).toString('base64url');
  await writeFile(path, `${secret}\n`, { mode: 0o600, flag: 'wx' });
  return { secret, isNew: true };
}

async function list(): Promise<void> {
  await using db = databaseFrom(process.env);
  for (const { site_id: siteId, status, issuer, keys, secrets, callback_url } of await readSiteRecords(db)) {
    const amounts = `keys ${keys.length}, secrets ${secrets.length}`;
    console.log(
      `${siteId.padEnd(24)} ${status.padEnd(9)} ${amounts.padEnd(19)} ${issuer} → ${callback_url ?? '(polls)'}`,
    );
  }
}

async function change(siteId: string, verb: string, status: 'active' | 'paused' | 'disabled'): Promise<void> {
  await using db = databaseFrom(process.env);
  await using connection = await natsFrom(process.env);
  const record = await readSiteRecord(db, siteId);
  if (record === undefined) throw new Error(`there is no site ${siteId}`);
  await registerSite(db, { siteId, issuer: record.issuer, audience: record.audience, status });
  await publishSite(db, connection.nats, siteId);
  await audit(db, `site.${verb}`, siteId);
  console.log(`${siteId} is ${status}`);
}

async function publishAll(): Promise<void> {
  await using db = databaseFrom(process.env);
  await using connection = await natsFrom(process.env);
  const { written, removed, unchanged } = await publishSites(db, connection.nats);
  console.log(`${written.length} sites published, ${removed.length} removed, ${unchanged} were as they should be`);
}

const audit = (db: Database, action: string, siteId: string): Promise<unknown> =>
  db.insertInto('audit_log').values({ actor: 'cli', action, site_id: siteId }).execute();
