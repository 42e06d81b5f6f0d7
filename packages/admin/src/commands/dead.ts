import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection } from '@pressferry/jetstream';
import { type Command, InvalidArgumentError } from 'commander';
import {
  type Letter,
  type LetterFilter,
  readLetter,
  readLetters,
  removeLetters,
  replayLetter,
} from '../operate/letters.ts';
import { REMEDIES, remedyOf } from '../operate/remedies.ts';
import { unknownSiteIn } from '../operate/unknown.ts';
import { table } from '../output/table.ts';
import { databaseFrom, natsFrom } from './connections.ts';
import { EXIT } from './exit-codes.ts';
import { age, positive, rowCount, sequence, sequences, siteId } from './options.ts';
import { runCommand } from './run.ts';

interface Flags {
  stage?: 'enricher' | 'callback';
  site?: string;
  reason?: string;
  since?: number;
  limit: number;
  json?: boolean;
  rate: number;
  keep?: boolean;
  all?: boolean;
  yes?: boolean;
  dryRun?: boolean;
}

export function addDead(program: Command): void {
  const dead = program
    .command('dead')
    .description('dead letters: what was given up, by enricher and callback (NATS_URL)');
  const filtered = (command: Command): Command =>
    command
      .option('--stage <service>', 'of enricher or callback', stage)
      .option('--site <site-id>', 'of one site', siteId)
      .option('--reason <code>', 'of one reason')
      .option('--since <age>', 'younger than this: 30m, 24h, 7d', age)
      .option('--limit <n>', 'at most so many', rowCount, 1_000)
      .option('--json', 'one JSON document');
  filtered(dead.command('list').description('list them, oldest first')).action((flags: Flags) =>
    runCommand(() => list(flags)),
  );
  dead
    .command('show')
    .argument('<sequence>', 'its number', sequence)
    .description('show one, with its remedy')
    .option('--json', 'one JSON document')
    .action((of: number, flags: Flags) => runCommand(() => show(of, flags)));
  filtered(dead.command('replay'))
    .argument('[sequence...]', 'their numbers', sequences)
    .description(
      'do again what they are of: these, or with --all every one that the other options name (also DATABASE_URL)',
    )
    .option('--all', 'every letter that the other options let through')
    .option('--rate <n>', 'at most so many a second', positive, 10)
    .option('--keep', 'leave the letters in DEADLETTERS')
    .action((named: number[] | undefined, flags: Flags) => runCommand(() => replay(named ?? [], flags)));
  removing(filtered(dead.command('remove')));
}

const removing = (command: Command): Command =>
  command
    .argument('[sequence...]', 'their numbers', sequences)
    .description('remove letters that are dealt with: these, or with --all every one that the other options name')
    .option('--all', 'every letter that the other options let through')
    .option('--dry-run', 'only count them')
    .option('--yes', 'remove them for good')
    .action((named: number[] | undefined, flags: Flags) => runCommand(() => remove(named ?? [], flags)));

function stage(text: string): string {
  if (text !== 'enricher' && text !== 'callback') throw new InvalidArgumentError('write enricher or callback.');
  return text;
}

const filterOf = ({ stage: of, site, reason, since }: Flags): LetterFilter => ({
  ...(of === undefined ? {} : { stage: of }),
  ...(site === undefined ? {} : { site }),
  ...(reason === undefined ? {} : { reason }),
  ...(since === undefined ? {} : { since: new Date(Date.now() - since) }),
});

async function list(flags: Flags): Promise<number> {
  await using connection = await natsFrom(process.env);
  const letters = await readLetters(connection.nats, filterOf(flags), flags.limit);
  if (flags.json) console.log(JSON.stringify(letters.map(jsonOf)));
  if (letters.length === 0) return await noLetters(connection.nats, flags);
  if (flags.json) return EXIT.done;
  const lines = letters.map((letter) => {
    const { sequence, deadAtMs, stage: of, siteId, reason, requestId } = letter;
    return [String(sequence), new Date(deadAtMs).toISOString(), of, siteId, reason, requestId || '–'];
  });
  console.log(table(['number', 'given up', 'by', 'site', 'reason', 'request'], lines));
  return EXIT.done;
}

/** Says which filter names something that does not exist. */
async function noLetters(
  nats: NatsConnection,
  { site, reason, json }: Pick<Flags, 'site' | 'reason' | 'json'>,
): Promise<number> {
  const isReason = reason === undefined || Object.hasOwn(REMEDIES, reason);
  const unknown = isReason
    ? await unknownSiteIn(nats, site)
    : `there is no reason ${reason}: pressferry dead list shows those of letters`;
  if (unknown !== undefined) console.error(unknown);
  else if (json !== true) console.log('there are no dead letters');
  return unknown === undefined ? EXIT.done : EXIT.failed;
}

async function show(number: number, { json }: Flags): Promise<number> {
  await using connection = await natsFrom(process.env);
  const letter = await readLetter(connection.nats, number);
  if (letter === undefined) {
    console.error(`there is no dead letter ${number}: pressferry dead list`);
    return EXIT.failed;
  }
  if (json) console.log(JSON.stringify(jsonOf(letter)));
  else
    console.log(
      table(
        ['', ''],
        Object.entries(jsonOf(letter)).map(([name, value]) => [name, String(value ?? '–')]),
      ).trim(),
    );
  return EXIT.done;
}

const UNNAMED = 'name letters by their numbers, or write --all: pressferry dead list';

async function remove(named: readonly number[], { yes, dryRun, json, ...flags }: Flags): Promise<number> {
  if (dryRun !== true && yes !== true) {
    console.error('add --yes to remove them for good, or --dry-run to count them');
    return EXIT.usage;
  }
  if ((named.length === 0) !== (flags.all === true)) {
    console.error(UNNAMED);
    return EXIT.usage;
  }
  await using connection = await natsFrom(process.env);
  const { nats } = connection;
  const found = flags.all
    ? await readLetters(nats, filterOf(flags), flags.limit)
    : (await Promise.all(named.map((number) => readLetter(nats, number)))).filter((letter) => letter !== undefined);
  const missing = named.filter((number) => !found.some(({ sequence }) => sequence === number));
  if (flags.all && found.length === 0) {
    if (json) console.log(JSON.stringify({ found: 0, removed: 0, missing }));
    return await noLetters(nats, { ...flags, json: json === true });
  }
  const removed = dryRun === true ? 0 : await removeLetters(nats, found);
  if (json) console.log(JSON.stringify({ found: found.length, removed, missing }));
  else console.log(dryRun === true ? `${found.length} would be removed` : `${removed} removed`);
  for (const number of json ? [] : missing) console.error(`there is no dead letter ${number}: pressferry dead list`);
  return missing.length === 0 ? EXIT.done : found.length === 0 ? EXIT.failed : EXIT.partly;
}

async function replay(named: readonly number[], flags: Flags): Promise<number> {
  if ((named.length === 0) !== (flags.all === true)) {
    console.error(UNNAMED);
    return EXIT.usage;
  }
  await using connection = await natsFrom(process.env);
  await using db = databaseFrom(process.env);
  const { nats } = connection;
  const found = flags.all
    ? await readLetters(nats, filterOf(flags), flags.limit)
    : await Promise.all(named.map(async (number) => (await readLetter(nats, number)) ?? number));
  const outcomes: { sequence: number; result: string; detail: string }[] = [];
  for (const letter of found) {
    if (outcomes.length > 0) await delay(1_000 / flags.rate);
    if (typeof letter === 'number') {
      outcomes.push({ sequence: letter, result: 'refused', detail: 'there is no such letter' });
      continue;
    }
    const done = await replayLetter(letter, { db, nats, keep: flags.keep === true, actor: 'cli' });
    outcomes.push({
      sequence: letter.sequence,
      result: done.kind,
      detail: done.kind === 'done' ? done.what : done.why,
    });
  }
  if (flags.json) console.log(JSON.stringify(outcomes));
  if (outcomes.length === 0) return await noLetters(nats, flags);
  if (!flags.json)
    console.log(
      table(
        ['number', 'result', ''],
        outcomes.map(({ sequence, result, detail }) => [String(sequence), result, detail]),
      ),
    );
  const refused = outcomes.filter(({ result }) => result === 'refused').length;
  return refused === 0 ? EXIT.done : refused === outcomes.length ? EXIT.failed : EXIT.partly;
}

/** Without the message, which is the event. */
const jsonOf = (letter: Letter) => ({
  number: letter.sequence,
  given_up_at: new Date(letter.deadAtMs).toISOString(),
  stage: letter.stage,
  site_id: letter.siteId,
  request_id: letter.requestId || null,
  run_id: letter.runId || null,
  reason: letter.reason,
  remedy: remedyOf(letter.reason) ?? null,
  tries: letter.tries,
  subject: letter.subject || null,
  message_bytes: letter.message.length,
});
