import { removeOldEvents } from '@pressferry/database';
import { type Command, InvalidArgumentError } from 'commander';
import { databaseFrom } from './connections.ts';
import { runCommand } from './run.ts';

interface RetentionFlags {
  days: number;
  dryRun?: boolean;
  json?: boolean;
}

/** `pressferry retention run`: removes old events at once, without waiting for enricher's hourly pass. */
export function addRetention(program: Command): void {
  const retention = program.command('retention').description('how long finished events are kept in DATABASE_URL');
  retention
    .command('run')
    .description('remove finished events that are older than --days, with their runs, results and deliveries')
    .requiredOption('--days <n>', 'age in days, at least 4: NATS may deliver a younger event again', days)
    .option('--dry-run', 'count what would be removed, and remove nothing')
    .option('--json', 'print one JSON object')
    .action(({ days, dryRun = false, json = false }: RetentionFlags) =>
      runCommand(async () => {
        await using db = databaseFrom(process.env);
        const { events, kept } = await removeOldEvents(db, { days, dryRun });
        if (json) return console.log(JSON.stringify({ events, kept, dry_run: dryRun }));
        console.log(`${events} events older than ${days} days ${dryRun ? 'would be' : 'were'} removed`);
        if (kept > 0) console.log(`${kept} as old stay: a run, a result or a delivery of theirs is not finished`);
      }),
    );
}

function days(text: string): number {
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < 4) throw new InvalidArgumentError('write a whole number from 4.');
  return number;
}
