import { type Kysely, sql } from 'kysely';

/** The `traceparent` of the attempt that failed for good, so the first one of a replay can link to it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table past_steps add column last_traceparent text`.execute(db);
  await sql`alter table past_deliveries add column last_traceparent text`.execute(db);
}
