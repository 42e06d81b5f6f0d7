import { addSites, checkSite, drawSecret, readSites, type SiteInput } from '@pressferry/registry';
import { type Command, Option } from 'commander';
import { type GivenSecret, readNamed, secretFrom, secretIn } from '../../input/files.ts';
import { databaseFrom } from '../connections.ts';
import { EXIT } from '../exit-codes.ts';
import { runCommand } from '../run.ts';
import {
  addPolicyOptions,
  checkPublishing,
  hs256Option,
  jsonOption,
  keyringFrom,
  publishingSites,
  rulesFrom,
  type SiteFlags,
} from './context.ts';
import { tell } from './report.ts';

interface AddFlags extends SiteFlags {
  issuer: string;
  audience?: string;
  callbackUrl?: string;
  publicKey?: string;
  hs256KeyFile?: string;
  kid: string;
  algorithm?: string;
  secretFile?: string;
  printSecret?: boolean;
}

export function addAdd(sites: Command): void {
  const command = sites
    .command('add <site-id>')
    .description('register a site with its first key and secret (SEALING_KEYS), and publish it')
    .requiredOption('--issuer <text>', "the `iss` of its tokens, by default the site's home URL in the plugin")
    .option('--audience <text>', 'the `aud` of its tokens, pressferry unless given')
    .option('--callback-url <url>', 'where its results are pushed; without one it polls')
    .requiredOption('--kid <text>', 'the id of its key')
    .option('--public-key <file>', 'the public key that verifies its tokens, as SPKI PEM')
    .option('--hs256-key-file <file>', 'instead, the secret that signs its tokens with HS256')
    .addOption(
      new Option('--algorithm <name>', 'of the key; found out by its type').choices(['RS256', 'ES256', 'EdDSA']),
    )
    .option(
      '--secret-file <file>',
      'the secret that signs bodies; generated into it (mode 0600) if there is no such file',
    )
    .option('--print-secret', 'draw the secret and print it, once, instead of keeping it in a file');
  addPolicyOptions(command)
    .addOption(hs256Option())
    .addOption(jsonOption())
    .action((siteId: string, flags: AddFlags) => {
      if ((flags.publicKey === undefined) === (flags.hs256KeyFile === undefined))
        command.error('error: give --public-key, or --hs256-key-file', { exitCode: EXIT.usage });
      if ((flags.secretFile === undefined) === (flags.printSecret !== true))
        command.error('error: give --secret-file, or --print-secret', { exitCode: EXIT.usage });
      return runCommand(() => add(siteId, flags));
    });
}

async function add(siteId: string, flags: AddFlags): Promise<number> {
  checkPublishing(process.env);
  const json = flags.json === true;
  const keyring = keyringFrom(process.env);
  const checked = checkSite(await inputOf(siteId, flags), rulesFrom(process.env, flags));
  if ('refused' in checked)
    return tell({ siteId, change: { kind: 'refused', why: checked.refused }, unpublished: null }, json);
  await using db = databaseFrom(process.env);
  const isKnown = (await readSites(db, [siteId])).length > 0;
  const given = await secretFor(flags, isKnown);
  const registration = { draft: checked.draft, secret: given?.secret ?? null };
  // If this rejects, the secret's new file stays: the commit may have succeeded, and a repeat finds the same secret.
  const [change] = await db.transaction().execute((tx) => addSites(tx, [registration], { keyring, actor: 'cli' }));
  if (change === undefined) throw new Error('nothing was registered');
  if (change.kind !== 'changed') await given?.undo();
  const unpublished = change.kind === 'refused' ? null : await publishingSites(process.env, db, [siteId]);
  return tell(
    { siteId, change, unpublished, more: change.kind === 'changed' ? tellSecret(given, flags) : undefined },
    json,
  );
}

async function inputOf(siteId: string, flags: AddFlags): Promise<SiteInput> {
  const { issuer, audience, callbackUrl, kid, algorithm, publicKey, hs256KeyFile } = flags;
  const key =
    hs256KeyFile === undefined
      ? { kid, algorithm, text: await readNamed(publicKey ?? '', 'the public key') }
      : { kid, algorithm: 'HS256', text: await readNamed(hs256KeyFile, 'the key file') };
  return { siteId, issuer, audience, callbackUrl, key };
}

/** Generates none for a registered site. */
async function secretFor({ secretFile, printSecret }: AddFlags, isKnown: boolean): Promise<GivenSecret | undefined> {
  const undo = async (): Promise<void> => undefined;
  if (secretFile !== undefined && !isKnown) return secretFrom(secretFile);
  const known = secretFile === undefined ? null : await secretIn(secretFile);
  if (known !== null) return { secret: known, drawnInto: null, undo };
  return printSecret === true && !isKnown ? { secret: drawSecret(), drawnInto: null, undo } : undefined;
}

/** Prints where the secret is; the secret itself only if asked for. */
export function tellSecret(
  given: GivenSecret | undefined,
  { printSecret, secretFile }: Pick<AddFlags, 'printSecret' | 'secretFile'>,
) {
  if (given === undefined) return undefined;
  if (printSecret === true)
    return { text: `its secret, shown this once, is ${given.secret}`, json: { secret: given.secret } };
  const text =
    given.drawnInto === null
      ? `its secret is that of ${secretFile}`
      : `its secret was generated into ${given.drawnInto}`;
  return { text, json: { secret_file: secretFile, secret_drawn: given.drawnInto !== null } };
}
