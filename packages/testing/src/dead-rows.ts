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
