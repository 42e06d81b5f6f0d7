import { publishSites } from '@pressferry/registry';
import type { Command } from 'commander';
import { countByKey, resealAll } from '../operate/reseal.ts';
import { readSealedMessages } from '../operate/sealed-messages.ts';
import { table } from '../output/table.ts';
import { databaseFrom, natsFrom } from './connections.ts';
import { EXIT } from './exit-codes.ts';
import { positive } from './options.ts';
import { runCommand } from './run.ts';
import { checkPublishing, keyringFrom, publishing } from './sites/context.ts';

interface RotateFlags {
  batch: number;
  rate: number;
  dryRun?: boolean;
  json?: boolean;
}

export function addSeal(program: Command): void {
  const seal = program
    .command('seal')
    .description('the keys that texts are sealed under (SEALING_KEYS, DATABASE_URL, NATS_URL)');
  seal
    .command('status')
    .description('count sealed texts by key, and say which keys may leave SEALING_KEYS')
    .option('--json', 'one JSON document')
    .action(({ json }: { json?: boolean }) => runCommand(() => status(json === true)));
  seal
    .command('rotate')
    .description("seal every text under the first key: sites' secrets, events, outputs and results")
    .addHelpText(
      'after',
      '\nGive every service the new key first: behind the old one, then before it. This can be stopped and run again at any time.\n' +
        'It ends with 4 if something does not open, and with 3 if the services do not know the secrets yet.',
    )
    .option('--batch <n>', 'texts in one transaction', positive, 500)
    .option('--rate <n>', 'at most so many texts a second', positive, 2_000)
    .option('--dry-run', 'count what would be sealed again, and change nothing')
    .option('--json', 'one JSON document')
    .action((flags: RotateFlags) => runCommand(() => rotate(flags)));
}

async function rotate({ batch, rate, dryRun = false, json = false }: RotateFlags): Promise<number> {
  checkPublishing(process.env);
  const keyring = keyringFrom(process.env);
  await using db = databaseFrom(process.env);
  const isTerminal = process.stderr.isTTY === true;
  const onBatch = (name: string, count: number): void => {
    if (isTerminal) process.stderr.write(`\r${name}: ${count}   `);
  };
  const done = await resealAll(db, { keyring, batch, rate, dryRun, onBatch });
  if (isTerminal) process.stderr.write('\n');
  const resealed = done.reduce((sum, one) => sum + one.resealed, 0);
  let unpublished: string | null = null;
  if (!dryRun) {
    unpublished = await publishing(process.env, ({ nats }) => publishSites(db, nats));
    const detail = Object.fromEntries(done.map((one) => [one.table, one.resealed]));
    if (resealed > 0)
      await db
        .insertInto('audit_log')
        .values({
          actor: 'cli',
          action: 'seal.rotate',
          detail: JSON.stringify({ key: keyring.currentKeyId, ...detail }),
        })
        .execute();
  }
  const unopened = done.flatMap((one) =>
    Object.entries(one.unopened).map(([reason, count]) => ({ ...one, reason, count })),
  );
  if (json) console.log(JSON.stringify({ key: keyring.currentKeyId, dry_run: dryRun, tables: done, unpublished }));
  else {
    const rows = done.map((one) => [one.table, String(one.resealed)]);
    console.log(table(['table', `${dryRun ? 'to be sealed' : 'sealed'} under ${keyring.currentKeyId}`], rows));
    for (const { table: name, reason, count } of unopened)
      console.error(
        `${name}: ${count} do not open (${reason})${reason === 'damaged' ? '' : ': put the key back into SEALING_KEYS'}`,
      );
    if (unpublished !== null)
      console.error(`the services do not know it yet: ${unpublished}; pressferry sites publish`);
  }
  if (unopened.length > 0) return EXIT.partly;
  return unpublished === null ? EXIT.done : EXIT.unpublished;
}

async function status(json: boolean): Promise<number> {
  const { currentKeyId } = keyringFrom(process.env);
  await using db = databaseFrom(process.env);
  await using connection = await natsFrom(process.env);
  const counts = await countByKey(db);
  const { letters, oldestEventAt } = await readSealedMessages(connection.nats);
  for (const [key, count] of Object.entries(letters)) counts.push({ table: 'DEADLETTERS', key, count });
  const others = [...new Set(counts.map(({ key }) => key))].filter((key) => key !== currentKeyId);
  if (json) {
    console.log(
      JSON.stringify({ current: currentKeyId, counts, still_needed: others, oldest_event_at: oldestEventAt }),
    );
    return EXIT.done;
  }
  console.log(
    table(
      ['where', 'key', 'texts'],
      counts.map(({ table: name, key, count }) => [name, key, String(count)]),
    ),
  );
  console.log(
    others.length === 0
      ? `everything is sealed under ${currentKeyId}`
      : `still needed: ${others.join(', ')}; pressferry seal rotate seals tables again, dead letters are replayed or age out`,
  );
  if (oldestEventAt !== null)
    console.log(
      `EVENTS holds messages from ${oldestEventAt.toISOString()} on: an older key stays until all of them are younger than the change of the first key`,
    );
  return EXIT.done;
}
