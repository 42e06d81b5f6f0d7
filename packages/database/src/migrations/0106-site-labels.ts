import { type Kysely, sql } from 'kysely';

/** Operators' labels, for conditions and lists. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table sites add column labels jsonb not null default '{}'`.execute(db);
}
