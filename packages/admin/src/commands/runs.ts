import { createKeyring } from '@pressferry/runtime';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Decision, decideRun } from '../operate/decide.ts';
import { readWaiting, type WaitingRun } from '../operate/waiting.ts';
import { table } from '../output/table.ts';
import { databaseFrom, sealingKeysFrom } from './connections.ts';
import { filedSince, listed, noneOf } from './events.ts';
import { EXIT } from './exit-codes.ts';
import { UUID } from './options.ts';
import { runCommand } from './run.ts';

const STATUSES = ['pending', 'running', 'waiting', 'succeeded', 'failed'] as const;

interface ListFlags {
  site?: string;
  automation?: string;
  status?: (typeof STATUSES)[number];
  since: number;
  limit: number;
  json?: boolean;
}

interface DecideFlags {
  by: string;
  reason?: string;
  step?: string;
  json?: boolean;
}

export function addRuns(program: Command): void {
  const runs = program.command('runs').description('executions of automations (DATABASE_URL)');
  listed(runs.command('list').description('list runs, newest first; with --status waiting all that wait, of any age'))
    .option('--automation <name>', 'of one automation')
    .addOption(new Option('--status <status>', 'those in one state').choices(STATUSES))
    .action((flags: ListFlags) => runCommand(() => listRuns(flags)));
  runs
    .command('approval <run-id>')
    .description('print what a run that waits for approval has to show (SEALING_KEYS too)')
    .action((runId: string) => runCommand(() => showApproval(runId)));
  deciding(runs.command('approve <run-id>'))
    .description('let a run that waits for approval go on')
    .action((runId: string, flags: DecideFlags) => runCommand(() => decide(runId, 'approved', flags)));
  deciding(runs.command('reject <run-id>'))
    .description('end a run that waits for approval; its site is told')
    .action((runId: string, flags: DecideFlags) => runCommand(() => decide(runId, 'rejected', flags)));
}

const deciding = (command: Command): Command =>
  command
    .requiredOption('--by <who>', 'who decides; it is recorded', named)
    .option(
      '--reason <text>',
      'why; it becomes a part of the output of the step, and is stored sealed (SEALING_KEYS)',
      bounded,
    )
    .option('--step <name>', 'needed if the run waits for approval more than once')
    .option('--json', 'one JSON document');

function named(text: string): string {
  if (text.trim() === '' || text.length > 100) throw new InvalidArgumentError('write 1 to 100 characters.');
  return text.trim();
}

function bounded(text: string): string {
  if (text.length > 500) throw new InvalidArgumentError('write at most 500 characters.');
  return text;
}

async function decide(runId: string, decision: Decision['decision'], flags: DecideFlags): Promise<number> {
  if (!isRunId(runId)) return EXIT.usage;
  await using db = databaseFrom(process.env);
  const { by, reason, step, json } = flags;
  const keyring = reason === undefined ? null : createKeyring(sealingKeysFrom(process.env));
  const sealReason = keyring && ((context: string) => keyring.seal(reason ?? '', context));
  const decided = await decideRun(db, { runId, decision, by, sealReason, step });
  if (json === true) console.log(JSON.stringify({ run_id: runId, decision, ...decided }));
  if (decided.kind === 'refused') {
    if (json !== true) console.error(decided.why);
    return EXIT.failed;
  }
  const when = decided.at.toISOString();
  if (json === true) return EXIT.done;
  if (decided.kind === 'already')
    console.log(`step ${decided.step} was ${decision} by ${decided.by} at ${when} already`);
  else console.log(`step ${decided.step} is ${decision}; the run goes on within a second, if its site is active`);
  return EXIT.done;
}

function isRunId(text: string): boolean {
  if (UUID.test(text)) return true;
  console.error(`${text} is not the id of a run: see pressferry runs list --status waiting`);
  return false;
}

async function showApproval(runId: string): Promise<number> {
  if (!isRunId(runId)) return EXIT.usage;
  const keyring = createKeyring(sealingKeysFrom(process.env));
  await using db = databaseFrom(process.env);
  const step = await db
    .selectFrom('open_steps')
    .select(['name', 'position', 'sealed_output'])
    .where('run_id', '=', runId)
    .where('type', '=', 'approve')
    .where('status', '=', 'pending')
    .where('started_at', 'is not', null)
    .executeTakeFirst();
  if (step === undefined) {
    console.error(`run ${runId} does not wait for approval: see pressferry runs list --status waiting`);
    return EXIT.failed;
  }
  const { name, position, sealed_output: sealed } = step;
  const shown = sealed === null ? 'null' : keyring.open(sealed, `step:${runId}:${position}`).toString('utf8');
  console.log(JSON.stringify({ run_id: runId, step: name, show: JSON.parse(shown) }, null, 2));
  return EXIT.done;
}

function print(rows: readonly WaitingRun[], json: boolean | undefined): void {
  const lines = rows.map((row) => [
    ...[row.site_id, row.automation, row.step, row.waiting_for],
    ...[row.since?.toISOString() ?? '–', row.until.toISOString(), row.run_id],
  ]);
  const shown = table(['site', 'automation', 'step', 'waits for', 'since', 'until', 'run'], lines);
  console.log(json === true ? JSON.stringify(rows) : shown);
}

async function listRuns({ site, automation, status, since, limit, json }: ListFlags): Promise<number> {
  await using db = databaseFrom(process.env);
  if (status === 'waiting') {
    const waiting = await readWaiting(db, { site, automation, limit });
    if (waiting.length > 0 || json === true) print(waiting, json);
    if (waiting.length > 0) return EXIT.done;
    return await noneOf({ site, automation }, db, json === true ? undefined : 'no run waits');
  }
  let query = db
    .selectFrom('runs')
    .select(['created_at', 'site_id', 'automation', 'status', 'failure_code', 'failed_step', 'run_id', 'request_id'])
    .where('created_at', '>', new Date(Date.now() - since))
    .where(filedSince(since))
    // When their events were accepted: each day's key has this order.
    .orderBy('filed_at', 'desc')
    .orderBy('created_at', 'desc')
    .limit(limit);
  if (site !== undefined) query = query.where('site_id', '=', site);
  if (automation !== undefined) query = query.where('automation', '=', automation);
  if (status !== undefined) query = query.where('status', '=', status);
  const rows = await query.execute();
  if (json) console.log(JSON.stringify(rows));
  if (rows.length === 0)
    return await noneOf({ site, automation }, db, json === true ? undefined : 'there are no such runs');
  if (json) return EXIT.done;
  const lines = rows.map((row) => [
    ...[row.created_at.toISOString(), row.site_id, row.automation, row.status],
    row.failure_code === null ? '–' : `${row.failed_step}: ${row.failure_code}`,
    row.request_id,
  ]);
  console.log(table(['created', 'site', 'automation', 'state', 'reason', 'request'], lines));
  return EXIT.done;
}
