import {
  BUDGET_PERIODS,
  type BudgetOf,
  type BudgetPeriod,
  type BudgetState,
  type Database,
  isKnown,
  ON_EXHAUSTED,
  type OnExhausted,
  readBudgets,
  readStops,
  removeBudget,
  resumeSpending,
  setBudget,
  stopSpending,
} from '@pressferry/database';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { table } from '../output/table.ts';
import { databaseFrom } from './connections.ts';
import { EXIT } from './exit-codes.ts';
import { positive, siteId } from './options.ts';
import { runCommand } from './run.ts';

interface Flags {
  all?: boolean;
  site?: string;
  automation?: string;
  vendor?: string;
  per: BudgetPeriod;
  usd?: number;
  tokens?: number;
  whenExhausted: OnExhausted;
  json?: boolean;
}

export function addBudgets(program: Command): void {
  const budgets = program
    .command('budgets')
    .description('limit what models may cost, and stop spending (DATABASE_URL)');
  budgets
    .command('show')
    .description('print budgets with their spending in this period (UTC), and what is stopped')
    .option('--json', 'one JSON document')
    .action((flags: Flags) => runCommand(() => show(flags)));
  const per = () =>
    new Option('--per <period>', 'day or month, in UTC').choices([...BUDGET_PERIODS]).makeOptionMandatory();
  scoped(budgets.command('set'))
    .description('set a budget; a cap that is left out does not count')
    .addOption(per())
    .option('--usd <amount>', 'cap in dollars: 12.50', dollars)
    .option('--tokens <n>', 'cap in tokens', positive)
    .addOption(
      new Option('--when-exhausted <policy>', 'hold the step, skip it, or fail the run')
        .choices([...ON_EXHAUSTED])
        .default('hold'),
    )
    .action((flags: Flags) => runCommand(() => set(flags)));
  scoped(budgets.command('remove'))
    .description('remove a budget; what was spent under it is kept')
    .addOption(per())
    .action((flags: Flags) => runCommand(() => remove(flags)));
  scoped(budgets.command('stop'))
    .description('begin no vendor call of these, within a second, in every replica; runs wait')
    .action((flags: Flags) => runCommand(() => stop(flags)));
  scoped(budgets.command('resume'))
    .description('let calls of these go on')
    .action((flags: Flags) => runCommand(() => resume(flags)));
}

const scoped = (command: Command): Command =>
  command
    .option('--all', 'of everything')
    .option('--site <site-id>', 'of one site', siteId)
    .option('--automation <name>', 'of one automation')
    .option('--vendor <name>', 'of one vendor');

function dollars(text: string): number {
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(text)) throw new InvalidArgumentError('write dollars: 12.50, up to six decimals.');
  return Math.round(Number(text) * 1_000_000);
}

/** Null, after a message, unless the options name exactly one. */
function namedBy({ all, site, automation, vendor }: Flags): BudgetOf | null {
  const named: BudgetOf[] = [
    ...(all === true ? [{ scope: 'all' as const, name: '' }] : []),
    ...(site === undefined ? [] : [{ scope: 'site' as const, name: site }]),
    ...(automation === undefined ? [] : [{ scope: 'automation' as const, name: automation }]),
    ...(vendor === undefined ? [] : [{ scope: 'vendor' as const, name: vendor }]),
  ];
  if (named.length === 1 && named[0] !== undefined) return named[0];
  console.error('name one: --all, --site, --automation or --vendor');
  return null;
}

/**
 * A slip must not look like a working limit. Sites are registered before they send; automations and vendors may be
 * limited before their files are deployed.
 */
async function isMeant(db: Database, of: BudgetOf): Promise<boolean> {
  if (await isKnown(db, of)) return true;
  if (of.scope === 'site') {
    console.error(`there is no site ${of.name}: pressferry sites list`);
    return false;
  }
  console.error(`warning: no ${of.scope} ${of.name} has been loaded by enricher until now; look at the name again`);
  return true;
}

const wordsOf = ({ scope, name }: BudgetOf): string => (scope === 'all' ? 'everything' : `${scope} ${name}`);
const usd = (micros: number): string => `$${(micros / 1_000_000).toFixed(4)}`;

async function show({ json }: Flags): Promise<void> {
  await using db = databaseFrom(process.env);
  const [budgets, stops] = [await readBudgets(db), await readStops(db)];
  if (json === true) return console.log(JSON.stringify({ budgets, stops }));
  if (budgets.length === 0) console.log('no budget is set: pressferry budgets set --all --per day --usd 10');
  else console.log(table(['OF', 'PER', 'DOLLARS', 'TOKENS', 'RESERVED', 'WHEN EXHAUSTED'], budgets.map(rowOf)));
  for (const stop of stops) console.log(`STOPPED: ${wordsOf(stop)}`);
}

const rowOf = (budget: BudgetState): string[] => [
  wordsOf(budget),
  budget.period,
  budget.capMicros === null ? usd(budget.spentMicros) : `${usd(budget.spentMicros)} of ${usd(budget.capMicros)}`,
  budget.capTokens === null ? String(budget.spentTokens) : `${budget.spentTokens} of ${budget.capTokens}`,
  `${usd(budget.reservedMicros)}, ${budget.reservedTokens} tokens`,
  budget.onExhausted,
];

async function set(flags: Flags): Promise<number> {
  const of = namedBy(flags);
  if (of === null) return EXIT.usage;
  const { usd: capMicros = null, tokens: capTokens = null, per: period, whenExhausted: onExhausted } = flags;
  if (capMicros === null && capTokens === null) {
    console.error('give a cap: --usd, --tokens or both');
    return EXIT.usage;
  }
  await using db = databaseFrom(process.env);
  if (!(await isMeant(db, of))) return EXIT.failed;
  await setBudget(db, { ...of, period, capMicros, capTokens, onExhausted });
  console.log(`the ${period} budget of ${wordsOf(of)} is set; every replica follows within a second`);
  return EXIT.done;
}

async function remove(flags: Flags): Promise<number> {
  const of = namedBy(flags);
  if (of === null) return EXIT.usage;
  await using db = databaseFrom(process.env);
  const isRemoved = await removeBudget(db, { ...of, period: flags.per });
  console.log(
    isRemoved ? `the ${flags.per} budget of ${wordsOf(of)} is removed` : `${wordsOf(of)} has no ${flags.per} budget`,
  );
  return isRemoved ? EXIT.done : EXIT.failed;
}

async function stop(flags: Flags): Promise<number> {
  const of = namedBy(flags);
  if (of === null) return EXIT.usage;
  await using db = databaseFrom(process.env);
  if (!(await isMeant(db, of))) return EXIT.failed;
  await stopSpending(db, of);
  console.log(
    `${wordsOf(of)} is stopped within a second: no vendor call is begun, calls in flight end. pressferry budgets resume ends it`,
  );
  return EXIT.done;
}

async function resume(flags: Flags): Promise<number> {
  const of = namedBy(flags);
  if (of === null) return EXIT.usage;
  await using db = databaseFrom(process.env);
  const wasStopped = await resumeSpending(db, of);
  console.log(wasStopped ? `${wordsOf(of)} goes on` : `${wordsOf(of)} was not stopped`);
  return wasStopped ? EXIT.done : EXIT.failed;
}
