import { type Kysely, sql } from 'kysely';

/** A row that each service writes over and over, to know that the database takes writes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // The free space lets each write stay on its page and touch no index.
  await sql`create table worker_probes (
    worker text primary key,
    probed_at timestamptz not null
  ) with (fillfactor = 10)`.execute(db);
}
