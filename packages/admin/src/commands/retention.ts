import { dropOldDays, forgetOldRows, makeDaysAhead } from '@pressferry/database';
import { type Command, InvalidArgumentError } from 'commander';
import { databaseFrom } from './connections.ts';
import { EXIT } from './exit-codes.ts';
import { runCommand } from './run.ts';

interface RetentionFlags {
  days: number;
  dryRun?: boolean;
  json?: boolean;
}

/** `pressferry retention run`: drops old days at once, without waiting for enricher's hourly pass. */
export function addRetention(program: Command): void {
  const retention = program.command('retention').description('how long finished events are kept in DATABASE_URL');
  retention
    .command('run')
    .description(
      'make the partitions of the days ahead, and drop the days that ended --days ago, with their events, runs, results and deliveries',
    )
    .requiredOption('--days <n>', 'age in days, at least 4: NATS may deliver a younger event again', days)
    .option('--dry-run', 'count what would be dropped; drop and make nothing')
    .option('--json', 'print one JSON object')
    .action(({ days, dryRun = false, json = false }: RetentionFlags) => runCommand(() => run(days, { dryRun, json })));
}

async function run(age: number, { dryRun, json }: { dryRun: boolean; json: boolean }): Promise<number> {
  await using db = databaseFrom(process.env);
  if (!dryRun) await makeDaysAhead(db);
  const { days: dropped, events, keptDays, busyDays } = await dropOldDays(db, { days: age, dryRun });
  const { versions, reservations, periods, erasureRequests, enrolmentTokens } = await forgetOldRows(db, {
    days: age,
    dryRun,
  });
  const exitCode = busyDays > 0 ? EXIT.partly : EXIT.done;
  if (json) {
    const days = { events, dropped_days: dropped, kept_days: keptDays, busy_days: busyDays, dry_run: dryRun };
    const rows = {
      versions,
      reservations,
      periods,
      erasure_requests: erasureRequests,
      enrolment_tokens: enrolmentTokens,
    };
    console.log(JSON.stringify({ ...days, ...rows }));
    return exitCode;
  }
  console.log(`${events} events of ${dropped} days that ended ${age} days ago ${dryRun ? 'would be' : 'were'} removed`);
  console.log(
    `with ${versions} versions of automations, ${reservations} reservations and ${periods} periods of budgets, ` +
      `${erasureRequests} marks of erasure requests, ${enrolmentTokens} enrolment tokens`,
  );
  if (keptDays > 0)
    console.log(`${keptDays} days as old stay: a run, a result or a delivery of theirs is not finished`);
  if (busyDays > 0) console.error(`${busyDays} days as old are being read or written at this moment: run this again`);
  return exitCode;
}

function days(text: string): number {
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < 4) throw new InvalidArgumentError('write a whole number from 4.');
  return number;
}
