import { writeFile } from 'node:fs/promises';
import { makeTokens, readSite } from '@pressferry/registry';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { databaseFrom } from '../connections.ts';
import { EXIT } from '../exit-codes.ts';
import { positive, siteId } from '../options.ts';
import { runCommand } from '../run.ts';
import { duration, label } from './arguments.ts';
import { jsonOption, type SiteFlags } from './context.ts';

interface TokenFlags extends SiteFlags {
  count: number;
  expires: number;
  label: Record<string, string>;
  site?: string;
  out?: string;
  url?: string;
}

const MAX_COUNT = 10_000;
const DAY_MS = 24 * 3_600_000;

export function addEnrollToken(sites: Command): void {
  sites
    .command('enroll-token')
    .description('make one-time tokens by which sites register themselves (DATABASE_URL); they are printed once')
    .option('--count <n>', `how many, at most ${MAX_COUNT}`, count, 1)
    .addOption(
      new Option('--expires <duration>', 'how long they are good, as 24h or 7d')
        .argParser(duration)
        .default(DAY_MS, '24h'),
    )
    .option('--label <name=value>', 'given to the site that enrols (site.labels of conditions); repeatable', label, {})
    .option('--site <site-id>', 'one token for a registered site, which enrols again with it', siteId)
    .option(
      '--url <url>',
      'where the site enrols: the public URL of callback; each line is then the token and the URL in one, to be pasted',
      publicUrl,
    )
    .option('--out <file>', 'write them to a new file (mode 0600), one a line, and print none')
    .addOption(jsonOption())
    .action((flags: TokenFlags, command: Command) => {
      if (flags.site !== undefined && flags.count !== 1)
        command.error('error: --site takes one token', { exitCode: EXIT.usage });
      return runCommand(() => make(flags));
    });
}

async function make({
  count: number,
  expires,
  label: labels,
  site: siteId,
  out,
  url,
  json,
}: TokenFlags): Promise<void> {
  await using db = databaseFrom(process.env);
  if (siteId !== undefined && (await readSite(db, siteId)) === undefined)
    throw new Error(`there is no site ${siteId}: pressferry sites list`);
  const expiresAt = new Date(Date.now() + expires);
  const tokens = await db.transaction().execute(async (tx) => {
    const drawn = await makeTokens(tx, { count: number, expiresAt, labels, siteId });
    const made = url === undefined ? drawn : drawn.map((token) => `${token}@${url}`);
    // Inside the transaction: tokens that could not be written to the file must not be valid.
    if (out !== undefined) await writeFile(out, `${made.join('\n')}\n`, { mode: 0o600, flag: 'wx' });
    return made;
  });
  const expires_at = expiresAt.toISOString();
  if (json)
    return console.log(JSON.stringify({ count: number, expires_at, ...(out === undefined ? { tokens } : { out }) }));
  if (out !== undefined) return console.log(`${number} tokens are in ${out}; they are good until ${expires_at}`);
  for (const token of tokens) console.log(token);
}

/** Without a slash at the end, because it follows the token. */
function publicUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '')
    throw new InvalidArgumentError('write an absolute URL, as in https://results.example.');
  return text.endsWith('/') ? text.slice(0, -1) : text;
}

function count(text: string): number {
  const number = positive(text);
  if (number > MAX_COUNT) throw new InvalidArgumentError(`write a number up to ${MAX_COUNT}.`);
  return number;
}
