import { clearOldDays, dropOldDays, forgetOldRows, makeDaysAhead } from '@pressferry/database';
import { type Command, InvalidArgumentError } from 'commander';
import { databaseFrom } from './connections.ts';
import { EXIT } from './exit-codes.ts';
import { runCommand } from './run.ts';

interface RetentionFlags {
  days: number;
  stepsDays: number;
  attemptsDays: number;
  dryRun?: boolean;
  json?: boolean;
}

/** Drops old days at once, without waiting for enricher's hourly pass. */
export function addRetention(program: Command): void {
  const retention = program.command('retention').description('how long finished events are kept in DATABASE_URL');
  retention
    .command('run')
    .description(
      'make the partitions of the days ahead, and drop the days that ended --days ago, with their events, runs, results and deliveries',
    )
    .requiredOption('--days <n>', 'age in days, at least 4: NATS may deliver a younger event again', days)
    .option(
      '--steps-days <n>',
      'and empty finished days of this age of steps and attempts at vendors; 0: none',
      lesserDays,
      0,
    )
    .option('--attempts-days <n>', 'and empty finished days of this age of attempts at sites; 0: none', lesserDays, 0)
    .option('--dry-run', 'count what would be dropped; drop and make nothing')
    .option('--json', 'print one JSON object')
    .action((flags: RetentionFlags) => runCommand(() => run(flags)));
}

async function run(flags: RetentionFlags): Promise<number> {
  const { days: age, stepsDays, attemptsDays, dryRun = false, json = false } = flags;
  await using db = databaseFrom(process.env);
  if (!dryRun) await makeDaysAhead(db);
  const { days: dropped, events, keptDays, busyDays } = await dropOldDays(db, { days: age, dryRun });
  const { versions, reservations, periods, erasureRequests, enrolmentTokens } = await forgetOldRows(db, {
    days: age,
    dryRun,
  });
  const { tables, busyTables } = await clearOldDays(db, { stepsDays, attemptsDays, dryRun });
  const exitCode = busyDays > 0 || busyTables > 0 ? EXIT.partly : EXIT.done;
  if (json) {
    const days = {
      events,
      dropped_days: dropped,
      kept_days: keptDays,
      busy_days: busyDays,
      cleared_tables: tables,
      busy_tables: busyTables,
      dry_run: dryRun,
    };
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
  if (stepsDays > 0 || attemptsDays > 0)
    console.log(`${tables} tables of finished days ${dryRun ? 'would be' : 'were'} emptied of steps or attempts`);
  if (keptDays > 0)
    console.log(`${keptDays} days as old stay: a run, a result or a delivery of theirs is not finished`);
  if (busyTables > 0)
    console.error(`${busyTables} tables of days are being read or written at this moment: run this again`);
  if (busyDays > 0) console.error(`${busyDays} days as old are being read or written at this moment: run this again`);
  return exitCode;
}

function days(text: string): number {
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < 4) throw new InvalidArgumentError('write a whole number from 4.');
  return number;
}

function lesserDays(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('write a whole number of days.');
  return Number(text);
}
