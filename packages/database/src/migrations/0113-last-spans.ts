import { type Kysely, sql } from 'kysely';

/** The last attempt's `traceparent`, so the next attempt's span can link to it from any process. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table open_steps add column last_traceparent text`.execute(db);
  await sql`alter table open_deliveries add column last_traceparent text`.execute(db);
}
