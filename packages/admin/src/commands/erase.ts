import { type Erased, erase, isAddress, personByEmail, type Target } from '@pressferry/erasure';
import { createKeyring } from '@pressferry/runtime';
import type { Command } from 'commander';
import { unknownIn } from '../operate/unknown.ts';
import { databaseFrom, natsFrom, sealingKeysFrom } from './connections.ts';
import { EXIT } from './exit-codes.ts';
import { siteId } from './options.ts';
import { runCommand } from './run.ts';

interface EraseFlags {
  site?: string;
  objectRef?: string;
  email?: string;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** Something could not be searched: the erasure is not complete. */
const INCOMPLETE = 3;

export function addErase(program: Command): void {
  program
    .command('erase')
    .description(
      'erase events with their runs, results and deliveries from DATABASE_URL and NATS_URL; SEALING_KEYS opens the texts that are searched',
    )
    .option('--site <id>', 'everything of this site, or only what the other options name in it', siteId)
    .option('--object-ref <ref>', 'everything of one object of the site, as its events name it: a post id, an order id')
    .option(
      '--email <address>',
      'every event whose body, steps or result name this address, however it is written, or a sub-address of it (ada+shop@)',
    )
    .option('--dry-run', 'count what would be erased, and erase nothing')
    .option('--yes', 'erase; without it nothing is erased')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nWhat a vendor or WordPress was given is theirs to erase. The audit log keeps how much was erased, never whom it named.\n' +
        `Exit codes: 0 done; 1 failed, run it again; 2 wrong options; ${INCOMPLETE} something does not open, so it was not searched.`,
    )
    .action((flags: EraseFlags, command: Command) => {
      if (flags.email !== undefined && !isAddress(flags.email))
        command.error('error: --email takes one whole address, like ada@example.com', { exitCode: 2 });
      const target = targetOf(flags) ?? command.error(`error: ${NO_TARGET}`, { exitCode: 2 });
      if (flags.dryRun !== true && flags.yes !== true)
        command.error('error: add --yes to erase for good, or --dry-run to count what would go', { exitCode: 2 });
      return runCommand(() => run(target, flags));
    });
}

const NO_TARGET = 'name what to erase: --site, --site with --object-ref, or --email';

function targetOf({ site, objectRef, email }: EraseFlags): Target | undefined {
  if (objectRef !== undefined && email !== undefined) return undefined;
  if (email !== undefined) return personByEmail(email, site);
  if (site === undefined) return undefined;
  return objectRef === undefined ? { kind: 'site', siteId: site } : { kind: 'object', siteId: site, objectRef };
}

async function run(target: Target, { dryRun = false, json = false }: EraseFlags): Promise<number> {
  const keyring = createKeyring(sealingKeysFrom(process.env));
  await using db = databaseFrom(process.env);
  await using connection = await natsFrom(process.env);
  const deps = { db, nats: connection.nats, keyring };
  const unknown = await unknownIn({ site: target.siteId }, db);
  // Events of a site that is not registered may be left.
  if (unknown !== undefined && isNothing(await erase(target, deps, { actor: 'cli', dryRun: true }))) {
    console.error(`nothing of it is stored, and ${unknown}`);
    return EXIT.failed;
  }
  const done = await erase(target, deps, { actor: 'cli', dryRun });
  console.log(json ? JSON.stringify({ ...done, dry_run: dryRun }) : describe(done, dryRun));
  return done.unreadable > 0 ? INCOMPLETE : EXIT.done;
}

const isNothing = ({ events, messages, unreadable }: Erased): boolean => events + messages + unreadable === 0;

function describe({ events, messages, unreadable }: Erased, dryRun: boolean): string {
  if (isNothing({ events, messages, unreadable })) return 'nothing of it is stored';
  const lines = [`${events} events and ${messages} messages ${dryRun ? 'would be' : 'were'} erased`];
  if (unreadable > 0)
    lines.push(
      `${unreadable} sealed texts do not open and were not searched: add their key to SEALING_KEYS, then run this again`,
    );
  return lines.join('\n');
}
