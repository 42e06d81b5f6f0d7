import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

/** Tables with a row that names the event, except the tombstones. */
export async function tablesWith(db: Database, request: string): Promise<string[]> {
  const { rows: tables } = await sql<{ table: string }>`select table_name as table from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' and table_name <> 'erased_events'`.execute(db);
  const found: string[] = [];
  for (const { table } of tables) {
    const naming = sql`select 1 from ${sql.table(table)} as held where to_jsonb(held)::text like ${`%${request}%`}`;
    if ((await naming.execute(db)).rows.length > 0) found.push(table);
  }
  return found;
}

export async function backendsThatWait(db: Database): Promise<number> {
  const { rows } = await sql<{ waiting: string }>`select count(*) as waiting from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
  return Number(rows[0]?.waiting);
}

/** Lets no one write the table until the function that it resolves to is called. */
export async function holdTable(db: Database, table: string): Promise<() => Promise<void>> {
  const [isHeld, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holding = db.transaction().execute(async (tx) => {
    await sql`lock table ${sql.table(table)} in exclusive mode`.execute(tx);
    isHeld.resolve();
    await release.promise;
  });
  await Promise.race([isHeld.promise, holding]);
  return () => {
    release.resolve();
    return holding;
  };
}
