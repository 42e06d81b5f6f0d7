import { type Kysely, sql } from 'kysely';

/** A row that each service writes repeatedly, to know that the database takes writes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // Free space keeps each update on its page and out of the index.
  await sql`create table worker_probes (
    worker text primary key,
    probed_at timestamptz not null
  ) with (fillfactor = 10)`.execute(db);
}
