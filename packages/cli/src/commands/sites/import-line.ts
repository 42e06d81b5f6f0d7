import { join, resolve } from 'node:path';
import type { Database } from '@pressferry/database';
import {
  changeSettings,
  checkSite,
  type KeyInput,
  type Registration,
  type Rules,
  readSecret,
} from '@pressferry/registry';
import type { Keyring } from '@pressferry/runtime';
import { readNamed, secretFrom, secretIn } from '../../input/files.ts';
import type { ImportLine } from './import-file.ts';

/** What lines are read with. */
export interface ImportDeps {
  db: Database;
  keyring: Keyring;
  rules: Rules;
  /** Of the import file. */
  folder: string;
  secretsDir: string | undefined;
  dryRun: boolean;
}

/** What a line registers, checked, with its secret read or drawn; refused with every fault of it. */
export async function registrationOf(
  line: ImportLine,
  known: ReadonlySet<string>,
  deps: ImportDeps,
): Promise<Registration | { refused: string[] }> {
  try {
    const assigned = Object.fromEntries(
      Object.entries(line.settings ?? {}).map(([name, value]) => [name, String(value)]),
    );
    const changed = changeSettings({}, assigned, deps.rules.eventTypes);
    if ('refused' in changed) return changed;
    const { site_id: siteId, issuer, audience, callback_url, status } = line;
    const input = {
      siteId,
      issuer,
      audience,
      status,
      callbackUrl: callback_url ?? undefined,
      settings: changed.settings,
      key: await keyIn(line, deps),
    };
    const checked = checkSite(input, deps.rules);
    if ('refused' in checked) return checked;
    return { draft: checked.draft, secret: await secretOf(line, known.has(siteId), deps) };
  } catch (error) {
    return { refused: [error instanceof Error ? error.message : String(error)] };
  }
}

async function keyIn(
  { kid, algorithm, public_key, public_key_file, hs256_key_file }: ImportLine,
  { folder }: ImportDeps,
): Promise<KeyInput> {
  const given = [public_key, public_key_file, hs256_key_file].filter((one) => one !== undefined);
  if (given.length !== 1) throw new Error('give one of public_key, public_key_file and hs256_key_file');
  const file = public_key_file ?? hs256_key_file;
  const text = public_key ?? (await readNamed(resolve(folder, file ?? ''), 'the key file'));
  return { kid, text, algorithm: hs256_key_file === undefined ? algorithm : 'HS256' };
}

/** The secret of a line; null if the site is registered and none is at hand to compare. */
async function secretOf(
  line: ImportLine,
  isKnown: boolean,
  { folder, secretsDir, dryRun }: ImportDeps,
): Promise<string | null> {
  if (line.secret !== undefined && line.secret_file !== undefined)
    throw new Error('give secret or secret_file, not both');
  if (line.secret !== undefined) {
    const read = readSecret(line.secret);
    if ('refused' in read) throw new Error(`the secret ${read.refused}`);
    return read.secret;
  }
  if (line.secret_file !== undefined) {
    const secret = await secretIn(resolve(folder, line.secret_file));
    if (secret === null) throw new Error(`the secret file ${line.secret_file} is not there`);
    return secret;
  }
  if (secretsDir === undefined)
    throw new Error('there is no secret: give secret or secret_file, or have it drawn with --secrets-dir');
  const path = join(secretsDir, `${line.site_id}.secret`);
  if (isKnown) return secretIn(path);
  return dryRun ? ((await secretIn(path)) ?? 'would be drawn by a run') : (await secretFrom(path)).secret;
}
