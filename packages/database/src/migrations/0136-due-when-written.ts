import { type Kysely, sql } from 'kysely';

/**
 * New work is due from when its row is written, not from when its transaction began: a transaction that waits long for a
 * lock would leave it below the floors from which claims read.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ['open_runs', 'open_deliveries'])
    await sql`alter table ${sql.ref(table)} alter column due_at set default clock_timestamp()`.execute(db);
}
