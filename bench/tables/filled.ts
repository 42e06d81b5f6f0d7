// Which statements read more pages the more finished journeys there are: `node bench/tables/filled.ts [--rows 1000000] [--measured 20]`.
// Each round stores, settles and delivers 64 journeys of 40 sites and runs once whatever the services run now and then. No service runs.
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { readCommandLine } from '@pressferry/runtime';
import { positive } from '../ingress/options.ts';
import { table } from '../ingress/report/print.ts';
import { grownMost } from '../pipeline/measure/grown.ts';
import { meterSettings, type StatementPages } from '../pipeline/measure/postgres.ts';
import { multiplyRows } from '../pipeline/scenarios/fill.ts';
import { createRounds } from './rounds.ts';
import { openTables } from './server.ts';

const USAGE = `usage: node bench/tables/filled.ts [options]
  --rows N       finished journeys (1000000)
  --measured N   rounds measured before and after (20)
  --most N       statements printed (25)`;
const { rows, rounds, most } = readCommandLine(USAGE, (args) => {
  const text = (value: string) => ({ type: 'string', default: value }) as const;
  const { values } = parseArgs({ args, options: { rows: text('1000000'), measured: text('20'), most: text('25') } });
  return {
    rows: positive(values.rows, '--rows'),
    rounds: positive(values.measured, '--measured'),
    most: positive(values.most, '--most'),
  };
});

const settings = { ...meterSettings(false), synchronous_commit: 'off', max_wal_size: '4GB' };
await using tables = await openTables(settings);
const { db, meter } = tables;
const round = await createRounds(db, meter.query, randomUUID());

await measured();
await meter.query('vacuum analyze');
const empty = await measured();
await meter.query('truncate open_runs, open_steps, open_deliveries');
await multiplyRows(meter, { rows, bodyChars: 100, say: (what) => console.error(what) });
await measured();
const filled = await measured();
const lines = grownMost(empty, filled, most).map(({ text, calls, pagesBefore, pagesAfter, msBefore, msAfter }) => [
  text.slice(0, 110),
  ...[calls, pagesBefore ?? '', pagesAfter, msBefore ?? '', msAfter].map(String),
]);
console.log(table(['pages a call', 'calls', 'empty', `${rows} rows`, 'ms empty', 'ms filled'], lines));

async function measured(): Promise<StatementPages[]> {
  const end = await meter.start();
  for (let left = rounds; left > 0; left--) await round();
  return (await end()).pages;
}
