// Measures claims on a million open runs: `node bench/tables/claims.ts [--open 1000000] [--sites 40] [--claims 200] [--finished 100000]`.
// First with few open runs, then with all, then with finished ones in front of them whose rows an open transaction keeps Postgres from removing.
import { parseArgs } from 'node:util';
import { readCommandLine } from '@pressferry/runtime';
import { createLanes } from '@pressferry/worker';
import { type Claim, claimQuery, claimRuns } from '../../services/enricher/src/db/claim-runs.ts';
import { findLanes, lanesQuery } from '../../services/enricher/src/db/find-lanes.ts';
import { percentiles, round } from '../ingress/measure/statistics.ts';
import { positive } from '../ingress/options.ts';
import { table } from '../ingress/report/print.ts';
import { openMeter } from '../pipeline/measure/postgres.ts';
import { openTables } from './server.ts';

const USAGE = `usage: node bench/tables/claims.ts [options]
  --open N        open runs (1000000)
  --sites N       sites that they belong to (40)
  --claims N      claims measured (200)
  --finished N    finished runs in front of the open ones, which an open transaction keeps Postgres from removing (100000)`;
const { OPEN, SITES, CLAIMS, FINISHED } = readCommandLine(USAGE, (args) => {
  const { values } = parseArgs({
    args,
    options: {
      open: { type: 'string', default: '1000000' },
      sites: { type: 'string', default: '40' },
      claims: { type: 'string', default: '200' },
      finished: { type: 'string', default: '100000' },
    },
  });
  return {
    OPEN: positive(values.open, '--open'),
    SITES: positive(values.sites, '--sites'),
    CLAIMS: positive(values.claims, '--claims'),
    FINISHED: positive(values.finished, '--finished'),
  };
});
const FEW = 2_000;
const WARM_UP = 20;
/** As a vendor's pool claims. */
const CLAIM: Omit<Claim, 'lanes'> = { vendor: 'llm', limit: 32, leaseMs: 60_000, takeOverUntil: null };
const QUOTA = 4;

await using tables = await openTables();
const { db: worker, meter } = tables;
await using holder = await openMeter(tables.url);
await meter.query(`insert into sites (site_id, issuer, audience)
  select 'site-' || lpad(n::text, 3, '0'), 'https://site', 'pressferry' from generate_series(0, ${SITES - 1}) n`);

const rows: string[][] = [];
await seed(FEW);
await measure(`${FEW} open runs`);
await seed(OPEN - FEW);
await measure(`${OPEN} open runs`);
await holder.query('begin; select pg_current_xact_id()');
await finish(FINISHED);
await measure(`and ${FINISHED} finished behind an open transaction`);
await holder.query('commit');
const heads = ['least', 'p50', 'p95', 'max ms', 'execution ms', 'pages', 'of a look: execution ms', 'pages'];
console.log(table(['', 'claims', ...heads], rows));

/** As intake does, oldest first. */
async function seed(count: number): Promise<void> {
  await meter.query(`
    with event as (
      insert into events (filed_at, request_id, site_id, idempotency_key, event_type, object_ref, occurred_at, received_at, mode, fingerprint,
        sealed_body)
      select date_trunc('milliseconds', now()) - n * interval '1 ms', gen_random_uuid(), 'site-' || lpad((n % ${SITES})::text, 3, '0'),
        gen_random_uuid(), 'post.published', '1', now(), now(), 'live', 'none', repeat('x', 400)
      from generate_series(1, ${count}) n
      returning *
    ), run as (
      insert into open_runs (filed_at, run_id, request_id, site_id, idempotency_key, automation, vendor, due_at)
      select filed_at, gen_random_uuid(), request_id, site_id, idempotency_key, 'summarize-post', 'llm', filed_at from event
      returning filed_at, run_id
    )
    insert into open_steps (filed_at, run_id, position, name, type, vendor)
    select filed_at, run_id, 0, 'summary', 'llm', 'llm' from run`);
  await meter.query('vacuum analyze');
  await meter.query('checkpoint');
}

/** Ends each site's oldest runs, as settling does. */
async function finish(count: number): Promise<void> {
  await meter.query(`
    delete from open_runs using (
      select run_id from (select run_id, row_number() over (partition by site_id order by due_at) as place from open_runs) lanes
      order by place limit ${count}
    ) oldest where open_runs.run_id = oldest.run_id`);
}

/** Claims as a pool does between two looks, from lane to lane, and gives every run back. */
async function measure(name: string): Promise<void> {
  const found = await findLanes(worker, CLAIM.vendor);
  const lanes = createLanes({ leastPauseMs: 0 });
  lanes.beginLook(0).end(0, found);
  const claimAfter = (siteId: string): Claim => ({
    ...CLAIM,
    lanes: lanes.after(siteId).map((lane) => ({ siteId: lane, floor: lanes.floorOf(lane), quota: QUOTA })),
  });
  // First, because claims that are given back leave dead rows, which an open transaction keeps too.
  const look = await explained(lanesQuery(CLAIM.vendor, new Map()));
  const claim = await explained(claimQuery(claimAfter('')));
  const took: number[] = [];
  let afterSite = '';
  for (let left = CLAIMS + WARM_UP; left > 0; left--) {
    const begunMs = performance.now();
    const claimed = await claimRuns(worker, claimAfter(afterSite));
    if (left <= CLAIMS) took.push(performance.now() - begunMs);
    afterSite = claimed.at(-1)?.site_id ?? '';
    await giveBack(`run_id = any('{${claimed.map(({ run_id }) => run_id).join()}}')`);
  }
  const { count, p50, p95, max } = percentiles(Float64Array.from(took));
  const figures = [count, round(Math.min(...took)), p50, p95, max, claim.executionMs, claim.pages];
  rows.push([name, ...[...figures, look.executionMs, look.pages].map(String)]);
  console.error(rows.at(-1)?.join('  '));
}

async function giveBack(which: string): Promise<void> {
  await meter.query(`update open_runs set status = 'pending', lease_owner = null, lease_until = null where ${which}`);
}

/** Postgres' least time of several, and the pages read. Rolled back, so each begins with the same rows. */
async function explained(
  query: Pick<ReturnType<typeof claimQuery>, 'compile'>,
): Promise<{ executionMs: number; pages: number }> {
  const times: number[] = [];
  let pages = 0;
  for (let left = 10; left > 0; left--) {
    const compiled = query.compile(worker);
    const explain = { ...compiled, sql: `explain (analyze, buffers, format json) ${compiled.sql}` };
    const tx = await worker.startTransaction().execute();
    const [row] = (await tx.executeQuery<{ 'QUERY PLAN': Explained[] }>(explain)).rows;
    await tx.rollback().execute();
    const [plan] = row?.['QUERY PLAN'] ?? [];
    times.push(plan?.['Execution Time'] ?? 0);
    pages = (plan?.Plan['Shared Hit Blocks'] ?? 0) + (plan?.Plan['Shared Read Blocks'] ?? 0);
  }
  return { executionMs: round(Math.min(...times)), pages };
}

interface Explained {
  'Execution Time': number;
  Plan: { 'Shared Hit Blocks': number; 'Shared Read Blocks': number };
}
