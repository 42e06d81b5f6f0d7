import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table steps add column lost_count integer not null default 0`.execute(db);
}
