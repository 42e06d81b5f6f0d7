import { type Kysely, sql } from 'kysely';

/** Attempts whose worker was lost: they do not count for the site, and have their own bound. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table open_deliveries add column lost_count integer not null default 0`.execute(db);
}
