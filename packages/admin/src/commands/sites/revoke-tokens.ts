import { isToken, revokeTokens } from '@pressferry/registry';
import type { Command } from 'commander';
import { readNamed } from '../../input/files.ts';
import { databaseFrom } from '../connections.ts';
import { EXIT } from '../exit-codes.ts';
import { runCommand } from '../run.ts';
import { jsonOption, type SiteFlags } from './context.ts';

export function addRevokeTokens(sites: Command): void {
  sites
    .command('revoke-tokens')
    .description('take back one-time tokens that no site has used yet (DATABASE_URL)')
    .argument('<file>', 'as enroll-token wrote it: a token, or token@url, on each line')
    .addOption(jsonOption())
    .action((file: string, flags: SiteFlags) => runCommand(() => revoke(file, flags)));
}

async function revoke(file: string, { json }: SiteFlags): Promise<number> {
  const lines = (await readNamed(file, 'the file')).split('\n').map((line) => line.trim());
  const tokens = lines.map((line) => line.split('@', 1)[0] ?? '');
  const fault = tokens.findIndex((token, index) => lines[index] !== '' && !isToken(token));
  // The line may be another secret, so it is not quoted.
  if (fault >= 0) throw new Error(`line ${fault + 1} of ${file} is not a token: it begins with pfe1_`);
  const given = [...new Set(tokens.filter((token) => token !== ''))];
  if (given.length === 0) throw new Error(`${file} holds no token`);
  await using db = databaseFrom(process.env);
  const revoked = await revokeTokens(db, given);
  const others = given.length - revoked;
  console.log(
    json
      ? JSON.stringify({ revoked, others })
      : `${revoked} tokens are revoked${others === 0 ? '' : `; ${others} are used, revoked already or unknown: pressferry sites list shows who enrolled`}`,
  );
  return others === 0 ? EXIT.done : revoked === 0 ? EXIT.failed : EXIT.partly;
}
