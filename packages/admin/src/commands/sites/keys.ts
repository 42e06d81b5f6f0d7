import { addKey, addSecret, checkKey, drawSecret, expireKey, expireSecret, refused } from '@pressferry/registry';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type GivenSecret, readNamed, secretFrom } from '../../input/files.ts';
import { EXIT } from '../exit-codes.ts';
import { runCommand } from '../run.ts';
import { tellSecret } from './add.ts';
import { duration } from './arguments.ts';
import { hs256Option, jsonOption, keyringFrom, rulesFrom, type SiteFlags } from './context.ts';
import { runChange } from './run-change.ts';
import { showKeys, showSecrets } from './show.ts';

interface OverlapFlags extends SiteFlags {
  overlap?: number;
}

interface ExpireFlags extends SiteFlags {
  in?: number;
  never?: boolean;
  force?: boolean;
}

const overlapOption = (what: string): Option =>
  new Option(
    '--overlap <duration>',
    `how long the older ${what} stay valid, as 24h or 7d; for good unless given`,
  ).argParser(duration);

const endOf = (ms: number | undefined): Date | undefined => (ms === undefined ? undefined : new Date(Date.now() + ms));

export function addKeys(sites: Command): void {
  const keys = sites.command('keys').description('the keys that verify the tokens of a site');
  keys
    .command('list <site-id>')
    .description('list the keys of a site')
    .addOption(jsonOption())
    .action((siteId: string, flags: SiteFlags) => runCommand(() => showKeys(siteId, flags)));
  const add = keys
    .command('add <site-id>')
    .description('add a key to the others, and publish it')
    .requiredOption('--kid <text>', 'the id of the key, never used before by the site')
    .option('--public-key <file>', 'the public key as SPKI PEM')
    .option('--hs256-key-file <file>', 'instead, a secret for HS256 (SEALING_KEYS)')
    .addOption(
      new Option('--algorithm <name>', 'of the key; found out by its type').choices(['RS256', 'ES256', 'EdDSA']),
    )
    .addOption(overlapOption('keys'))
    .addOption(hs256Option())
    .addOption(jsonOption());
  add.action((siteId: string, flags: KeyFlags) => {
    if ((flags.publicKey === undefined) === (flags.hs256KeyFile === undefined))
      add.error('error: give --public-key, or --hs256-key-file', { exitCode: EXIT.usage });
    return addOne(siteId, flags);
  });
  addExpire(keys, 'key', '<kid>', expireKey);
}

interface KeyFlags extends OverlapFlags {
  kid: string;
  publicKey?: string;
  hs256KeyFile?: string;
  algorithm?: string;
}

const addOne = (siteId: string, flags: KeyFlags): Promise<void> =>
  runChange(siteId, flags, async (tx, site) => {
    const { kid, algorithm, publicKey, hs256KeyFile } = flags;
    const isHs256 = hs256KeyFile !== undefined;
    const text = await readNamed(hs256KeyFile ?? publicKey ?? '', isHs256 ? 'the key file' : 'the public key');
    const draft = checkKey({ kid, algorithm: isHs256 ? 'HS256' : algorithm, text }, rulesFrom(process.env, flags));
    if ('refused' in draft) return refused(draft.refused);
    return addKey(tx, site, draft, { keyring: keyringFrom(process.env), othersUntil: endOf(flags.overlap) });
  });

export function addSecrets(sites: Command): void {
  const secrets = sites.command('secrets').description('the secrets that sign bodies, both ways');
  secrets
    .command('list <site-id>')
    .description('list the secrets of a site, not what they are')
    .addOption(jsonOption())
    .action((siteId: string, flags: SiteFlags) => runCommand(() => showSecrets(siteId, flags)));
  const add = secrets
    .command('add <site-id>')
    .description('add a secret as the newest, which signs from then on, and publish it (SEALING_KEYS)')
    .option('--secret-file <file>', 'the secret; generated into it (mode 0600) if there is no such file')
    .option('--print-secret', 'draw the secret and print it, once')
    .addOption(overlapOption('secrets'))
    .addOption(jsonOption());
  add.action((siteId: string, flags: SecretFlags) => {
    if ((flags.secretFile === undefined) === (flags.printSecret !== true))
      add.error('error: give --secret-file, or --print-secret', { exitCode: EXIT.usage });
    return addOneSecret(siteId, flags);
  });
  addExpire(secrets, 'secret', '<secret-id>', expireSecret);
}

interface SecretFlags extends OverlapFlags {
  secretFile?: string;
  printSecret?: boolean;
}

function addOneSecret(siteId: string, flags: SecretFlags): Promise<void> {
  let given: GivenSecret | undefined;
  return runChange(
    siteId,
    flags,
    async (tx, site) => {
      const keyring = keyringFrom(process.env);
      given =
        flags.secretFile === undefined
          ? { secret: drawSecret(), drawnInto: null, undo: async () => undefined }
          : await secretFrom(flags.secretFile);
      const change = await addSecret(tx, site, given.secret, { keyring, othersUntil: endOf(flags.overlap) });
      if (change.kind !== 'changed') await given.undo();
      return change;
    },
    () => tellSecret(given, flags),
  );
}

function addExpire(command: Command, what: 'key' | 'secret', id: string, expire: typeof expireKey): void {
  command
    .command(`expire <site-id> ${id}`)
    .description(`have a ${what} expire, now unless --in says when, and publish that`)
    .addOption(new Option('--in <duration>', 'when, from now, as 24h or 7d').argParser(duration).conflicts('never'))
    .option('--never', 'take back an end that was set')
    .option('--force', `also the last ${what} without an end, which locks the site out`)
    .addOption(jsonOption())
    .action((siteId: string, which: string, flags: ExpireFlags) => {
      if (which === '') throw new InvalidArgumentError(`name the ${what}.`);
      const at = flags.never === true ? null : new Date(Date.now() + (flags.in ?? 0));
      return runChange(siteId, flags, (tx, site) => expire(tx, site, which, { at, force: flags.force === true }));
    });
}
