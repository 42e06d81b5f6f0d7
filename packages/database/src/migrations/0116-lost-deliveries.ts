import { type Kysely, sql } from 'kysely';

/** How often the worker of a delivery's attempt was lost: these attempts are none of the site's, and are bounded by themselves. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table open_deliveries add column lost_count integer not null default 0`.execute(db);
}
