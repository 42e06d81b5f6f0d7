import { type Kysely, sql } from 'kysely';

/**
 * `noted_at` says from now on when a replica last had the version in use, not when the first one had it. That is not known of the rows that
 * are there, so they count as in use now: none is removed too early.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`update automation_versions set noted_at = now()`.execute(db);
}
