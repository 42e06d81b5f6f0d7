// Which statements read more pages while a foreign transaction keeps dead rows: `node bench/tables/pinned.ts [--rounds 200] [--measured 20]`.
// Each round stores, settles and delivers 64 journeys of 40 sites and runs once whatever the services run now and then. No service runs.
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { readCommandLine } from '@pressferry/runtime';
import { positive } from '../ingress/options.ts';
import { table } from '../ingress/report/print.ts';
import { grownMost } from '../pipeline/measure/grown.ts';
import { meterSettings, openMeter, type StatementPages } from '../pipeline/measure/postgres.ts';
import { createRounds } from './rounds.ts';
import { openTables } from './server.ts';

const USAGE = `usage: node bench/tables/pinned.ts [options]
  --rounds N     rounds of 64 journeys behind an open transaction (200)
  --measured N   rounds measured before and after (20)
  --most N       statements printed (25)`;
const { ROUNDS, MEASURED, MOST } = readCommandLine(USAGE, (args) => {
  const text = (value: string) => ({ type: 'string', default: value }) as const;
  const options = { rounds: text('200'), measured: text('20'), most: text('25') };
  const { values } = parseArgs({ args, options });
  return {
    ROUNDS: positive(values.rounds, '--rounds'),
    MEASURED: positive(values.measured, '--measured'),
    MOST: positive(values.most, '--most'),
  };
});

await using tables = await openTables({ ...meterSettings(false), synchronous_commit: 'off' });
const { db, meter } = tables;
await using holder = await openMeter(tables.url);
const round = await createRounds(db, meter.query, randomUUID());

await measured(MEASURED);
await meter.query('vacuum analyze');
const free = await measured(MEASURED);
await holder.query('begin; select pg_current_xact_id()');
for (let left = ROUNDS; left > 0; left--) await round();
// As autovacuum does now and then.
await meter.query('analyze');
const pinned = await measured(MEASURED);
await holder.query('rollback');
const rows = grownMost(free, pinned, MOST).map(({ text, calls, pagesBefore, pagesAfter, msBefore, msAfter }) => [
  text.slice(0, 110),
  ...[calls, pagesBefore ?? '', pagesAfter, msBefore ?? '', msAfter].map(String),
]);
console.log(table(['pages a call', 'calls', 'free', 'pinned', 'ms free', 'ms pinned'], rows));

async function measured(rounds: number): Promise<StatementPages[]> {
  const end = await meter.start();
  for (let left = rounds; left > 0; left--) await round();
  return (await end()).pages;
}
