import { generateKeyPairSync, randomUUID } from 'node:crypto';
import type { Database } from '@pressferry/database';
import {
  addKey,
  addSecret,
  addSites,
  type Change,
  changeSite,
  checkSite,
  drawSecret,
  expireKey,
  expireSecret,
  readSite,
  refused,
  type SiteDraft,
} from '@pressferry/registry';
import type { Keyring } from '@pressferry/runtime';
import { type Command, Option } from 'commander';
import { writePrivately } from '../../output/private-file.ts';
import { databaseFrom } from '../connections.ts';
import { EXIT } from '../exit-codes.ts';
import { runCommand } from '../run.ts';
import { duration } from './arguments.ts';
import { checkPublishing, jsonOption, keyringFrom, publishingSites, rulesFrom, type SiteFlags } from './context.ts';
import { notYet, tell } from './report.ts';

interface Flags extends SiteFlags {
  out: string;
  expires: number;
}

interface Credentials {
  siteId: string;
  issuer: string;
  audience: string;
  kid: string;
  privateKey: string;
  hmacSecret: string;
}

const HOUR_MS = 3_600_000;
const issuerOf = (siteId: string): string => `https://${siteId}.test.invalid`;

export function addMakeTest(sites: Command): void {
  sites
    .command('make-test [site-id]')
    .description(
      'register a site that only `pressferry send` uses, or give it a new key and secret; those before end (SEALING_KEYS)',
    )
    .requiredOption(
      '--out <file>',
      'where its credentials are written, readable by their owner alone; `-` prints them alone',
    )
    .addOption(
      new Option('--expires <duration>', 'when its key and secret end, as 15m or 24h')
        .argParser(duration)
        .default(HOUR_MS, '1h'),
    )
    .addOption(jsonOption())
    .action((siteId: string | undefined, flags: Flags) =>
      runCommand(() => makeTest(siteId ?? 'pressferry-test', flags)),
    );
}

async function makeTest(siteId: string, flags: Flags): Promise<number> {
  checkPublishing(process.env);
  const keyring = keyringFrom(process.env);
  const { publicKey, privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const kid = `test-${randomUUID().slice(0, 13)}`;
  const input = { siteId, issuer: issuerOf(siteId), key: { kid, text: publicKey } };
  const checked = checkSite(input, rulesFrom(process.env, flags));
  const json = flags.json === true;
  if ('refused' in checked)
    return tell({ siteId, change: { kind: 'refused', why: checked.refused }, unpublished: null }, json);
  const { draft } = checked;
  const hmacSecret = drawSecret();
  await using db = databaseFrom(process.env);
  const end = new Date(Date.now() + flags.expires);
  const change = await register(db, { draft, hmacSecret, keyring, end });
  if (change.kind === 'refused') return tell({ siteId, change, unpublished: null }, json);
  const { issuer, audience } = draft;
  const credentials: Credentials = { siteId, issuer, audience, kid, privateKey, hmacSecret };
  const written = JSON.stringify(credentials, null, 2);
  if (flags.out !== '-') await writePrivately(flags.out, `${written}\n`);
  const unpublished = await publishingSites(process.env, db, [siteId]);
  if (flags.out === '-') return print(written, unpublished);
  const more = {
    text: `its credentials are in ${flags.out}, and end at ${end.toISOString()}`,
    json: { file: flags.out },
  };
  return tell({ siteId, change, unpublished, more }, json);
}

/** Messages go to standard error: the output is for a file. */
function print(credentials: string, unpublished: string | null): number {
  console.log(credentials);
  if (unpublished !== null) console.error(notYet(unpublished));
  return unpublished === null ? EXIT.done : EXIT.unpublished;
}

interface NewCredentials {
  draft: SiteDraft;
  hmacSecret: string;
  keyring: Keyring;
  end: Date;
}

/** Registers the site if needed, gives it its key and secret, and ends the others. */
async function register(db: Database, { draft, hmacSecret, keyring, end }: NewCredentials): Promise<Change> {
  const { siteId, issuer, key } = draft;
  const known = await readSite(db, siteId);
  if (known !== undefined && known.issuer !== issuer)
    return refused(`${siteId} is a real site, and not one for tests: name another one`);
  if (known === undefined)
    await db.transaction().execute((tx) => addSites(tx, [{ draft, secret: hmacSecret }], { keyring, actor: 'cli' }));
  return changeSite(db, siteId, 'cli', async (tx, site) => {
    const options = { keyring, othersUntil: new Date() };
    mustChange(await addKey(tx, site, key, options));
    mustChange(await addSecret(tx, site, hmacSecret, options));
    const now = await readSite(tx, siteId);
    const secretId = now?.secrets[0]?.secretId;
    if (now === undefined || secretId === undefined) throw new Error(`${siteId} was removed meanwhile: run this again`);
    mustChange(await expireKey(tx, now, key.kid, { at: end, force: true }));
    mustChange(await expireSecret(tx, now, secretId, { at: end, force: true }));
    const says = `${siteId} is a site for tests, with the key ${key.kid}`;
    return { kind: 'changed', action: 'site.key_add', detail: { kid: key.kid, until: end, for: 'tests' }, says };
  });
}

/** Throws, so the transaction is rolled back. */
function mustChange(change: Change): void {
  if (change.kind === 'refused') throw new Error(change.why.join('; '));
}
