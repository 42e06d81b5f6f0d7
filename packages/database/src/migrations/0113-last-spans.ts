import { type Kysely, sql } from 'kysely';

/** Keeps the `traceparent` of the span of the last attempt, so the span of the next one can link to it, in whatever process it is made. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table open_steps add column last_traceparent text`.execute(db);
  await sql`alter table open_deliveries add column last_traceparent text`.execute(db);
}
