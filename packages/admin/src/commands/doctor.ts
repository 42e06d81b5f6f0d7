import type { Command } from 'commander';
import { examineDatabase, examineNats, examineRegistry } from '../operate/examine.ts';
import { type Finding, silent } from '../operate/findings.ts';
import { describeError } from '../output/describe-error.ts';
import { databaseFrom, natsFrom } from './connections.ts';
import { EXIT } from './exit-codes.ts';
import { positive } from './options.ts';
import { runCommand } from './run.ts';
import { keyringIfSet } from './sites/context.ts';

interface Flags {
  shards: number;
  json?: boolean;
}

const NATS_MS = 5_000;

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('look at everything that the services need, and name a remedy for each fault; changes nothing')
    .addHelpText(
      'after',
      '\nIt asks NATS_URL and DATABASE_URL, and with SEALING_KEYS opens what is sealed. It ends with 1 if something is bad.',
    )
    .option('--shards <n>', 'as EVENTS_SHARDS of the services', positive, 1)
    .option('--json', 'one JSON document')
    .action((flags: Flags) => runCommand(() => doctor(flags)));
}

async function doctor({ shards, json }: Flags): Promise<number> {
  await using resources = new AsyncDisposableStack();
  const keyring = keyringIfSet(process.env);
  const db = resources.use(databaseFrom(process.env));
  const findings: Finding[] = [];
  const nats = await natsFrom(process.env, NATS_MS).catch((error: unknown) => {
    findings.push(silent('NATS', describe(error), 'is NATS_URL right, and NATS up?'));
    return undefined;
  });
  if (nats !== undefined) resources.use(nats);
  if (nats !== undefined) findings.push(...(await examineNats(nats.nats, shards)));
  try {
    const ofDatabase = await examineDatabase(db, keyring);
    findings.push(...ofDatabase);
    if (nats !== undefined && !ofDatabase.some(({ about, state }) => about === 'database schema' && state === 'bad'))
      findings.push(await examineRegistry(db, nats.nats));
  } catch (error) {
    findings.push(silent('Postgres', describe(error), 'is DATABASE_URL right, and Postgres up?'));
  }
  if (json) console.log(JSON.stringify(findings));
  else
    for (const { about, state, says, remedy } of findings)
      console.log(`${state.padEnd(4)}  ${about}: ${says}${remedy === undefined ? '' : `\n      → ${remedy}`}`);
  return findings.some(({ state }) => state === 'bad') ? EXIT.failed : EXIT.done;
}

const describe = (error: unknown): string => describeError(error).replaceAll('\n  ', ', ');
