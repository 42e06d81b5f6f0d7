import pg from 'pg';

type Ask = (sql: string) => Promise<{ rows: readonly unknown[] }>;

/** Until its disposal Postgres removes no row version that was deleted or replaced later. */
export async function openOldTransaction(url: string): Promise<AsyncDisposable> {
  const client = new pg.Client({ connectionString: url, application_name: 'old' });
  await client.connect();
  await client.query('begin');
  await client.query('select pg_current_xact_id()');
  return { [Symbol.asyncDispose]: () => client.end() };
}

/**
 * The pages of tables and indexes that `work` reads, or finds in memory, on one connection, which `ask` must use too.
 * Catalogs count, so do the work once before.
 */
export async function pagesRead(ask: Ask, work: () => Promise<unknown>): Promise<number> {
  const soFar = async (): Promise<number> => {
    await ask('select pg_stat_force_next_flush()');
    const { rows } = await ask(
      `select sum(hits + reads)::float8 as pages from pg_stat_get_backend_io(pg_backend_pid()) where object = 'relation'`,
    );
    return (rows[0] as { pages: number }).pages;
  };
  // What it costs to ask.
  const [first, before] = [await soFar(), await soFar()];
  await work();
  return (await soFar()) - before - (before - first);
}

export interface ExplainedPool {
  pool: pg.Pool;
  /** How many rows the plans of `work` read or paired and then refused. */
  rowsRefused: (work: () => Promise<unknown>) => Promise<number>;
}

/** A pool of one connection; `settings` as `-c name=value`. Its role must be a superuser. End the pool. */
export function openExplainedPool(url: string, settings: string): ExplainedPool {
  const pool = new pg.Pool({ connectionString: url, max: 1, options: `${settings} ${EXPLAIN}` });
  let refused = 0;
  pool.on('connect', (client) =>
    client.on('notice', ({ message = '' }) => {
      if (message.startsWith('duration:')) refused += refusedIn(JSON.parse(message.slice(message.indexOf('{'))).Plan);
    }),
  );
  const rowsRefused = async (work: () => Promise<unknown>): Promise<number> => {
    refused = 0;
    await work();
    return refused;
  };
  return { pool, rowsRefused };
}

const EXPLAIN =
  `-c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 -c auto_explain.log_analyze=on
  -c auto_explain.log_timing=off -c auto_explain.log_format=json -c client_min_messages=log`.replaceAll('\n', ' ');

interface PlanNode {
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Join Filter'?: number;
  Plans?: PlanNode[];
}

function refusedIn(node: PlanNode): number {
  const each = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Join Filter'] ?? 0);
  return (node.Plans ?? []).reduce((sum, inner) => sum + refusedIn(inner), node['Actual Loops'] * each);
}
