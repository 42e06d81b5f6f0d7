import pg from 'pg';

/** What Postgres did over a span, in all. */
export interface DatabaseWork {
  /** Statements executed: each is one round trip of a service. */
  statements: number;
  /** Transactions that wrote something: each is a commit record and a flush. */
  commits: number;
  walBytes: number;
  /** Full page images in the WAL. */
  fullPages: number;
  /** Planning and execution as pg_stat_statements has them, in ms. */
  planMs: number;
  executeMs: number;
  top: StatementWork[];
  /** Of every statement, most pages first. */
  pages: StatementPages[];
}

/** One statement's share. */
export interface StatementWork {
  text: string;
  calls: number;
  ms: number;
  walBytes: number;
}

/** Pages of tables and indexes that one statement read, from shared memory or not. */
export interface StatementPages {
  /** Postgres' own, because it writes the text of a prepared statement in two ways. */
  id: string;
  text: string;
  calls: number;
  pages: number;
  ms: number;
}

/** A connection of the benchmark's own. */
export interface DatabaseMeter extends AsyncDisposable {
  /** Begins to count; the returned function ends it. */
  start: () => Promise<() => Promise<DatabaseWork>>;
  /** Total bytes by table, indexes and all, and of the whole database. */
  sizes: () => Promise<Record<string, number>>;
  query: (sql: string) => Promise<Record<string, unknown>[]>;
}

/** What Postgres must be started with. Planning is timed only for a profile: it costs something itself. */
export const meterSettings = (timePlanning: boolean): Record<string, string> => ({
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track_planning': timePlanning ? 'on' : 'off',
  track_wal_io_timing: 'off',
  // A checkpoint would remove the WAL that is looked at afterwards.
  wal_keep_size: '1GB',
});

const TOP = 14;

/** Connects as the owner. */
export async function openMeter(url: string): Promise<DatabaseMeter> {
  const client = new pg.Client({ connectionString: url, application_name: 'bench' });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('create extension if not exists pg_stat_statements');
  const mark = async () => {
    const { rows } = await client.query<{ xid: string; lsn: string }>(
      `select pg_snapshot_xmax(pg_current_snapshot())::text as xid, (pg_current_wal_insert_lsn() - '0/0')::text as lsn`,
    );
    return { xid: Number(rows[0]?.xid), lsn: Number(rows[0]?.lsn) };
  };
  return {
    start: async () => {
      await client.query('select pg_stat_statements_reset()');
      const before = await mark();
      return async () => {
        const after = await mark();
        const statements = await readStatements(client);
        const sum = (of: (row: StatementRow) => number): number =>
          statements.reduce((total, row) => total + of(row), 0);
        return {
          statements: sum(({ calls }) => calls),
          commits: after.xid - before.xid,
          walBytes: after.lsn - before.lsn,
          fullPages: sum(({ wal_fpi }) => wal_fpi),
          planMs: sum(({ plan_ms }) => plan_ms),
          executeMs: sum(({ exec_ms }) => exec_ms),
          top: statements.slice(0, TOP).map(({ query, calls, plan_ms, exec_ms, wal_bytes }) => ({
            text: oneLine(query).slice(0, 160),
            calls,
            ms: plan_ms + exec_ms,
            walBytes: wal_bytes,
          })),
          pages: statements
            .map(({ id, query, calls, pages, exec_ms }) => ({ id, text: oneLine(query), calls, pages, ms: exec_ms }))
            .sort((a, b) => b.pages - a.pages),
        };
      };
    },
    sizes: async () => {
      const { rows } = await client.query<{ name: string; bytes: number }>(
        `select relname as name, pg_total_relation_size(oid)::float8 as bytes from pg_class
         where relnamespace = 'public'::regnamespace and relkind = 'r' and pg_total_relation_size(oid) > 65536
         union all select 'the whole database', pg_database_size(current_database())::float8 order by bytes desc`,
      );
      return Object.fromEntries(rows.map(({ name, bytes }) => [name, bytes]));
    },
    query: async (sql) => (await client.query(sql)).rows,
    [Symbol.asyncDispose]: () => client.end(),
  };
}

const oneLine = (query: string): string => query.replaceAll(/\s+/g, ' ').trim();

interface StatementRow {
  id: string;
  query: string;
  calls: number;
  plan_ms: number;
  exec_ms: number;
  wal_bytes: number;
  wal_fpi: number;
  pages: number;
}

/** Most time first; the benchmark's own left out. */
async function readStatements(client: pg.Client): Promise<StatementRow[]> {
  const { rows } = await client.query<StatementRow>(
    `select queryid::text as id, query, calls::float8, total_plan_time as plan_ms, total_exec_time as exec_ms, wal_bytes::float8, wal_fpi::float8,
       (shared_blks_hit + shared_blks_read)::float8 as pages
     from pg_stat_statements where toplevel and dbid = (select oid from pg_database where datname = current_database())
       and query !~ 'pg_stat_statements|pg_current_wal_insert_lsn'
     order by total_plan_time + total_exec_time desc`,
  );
  return rows;
}
