import { type Kysely, sql } from 'kysely';

/**
 * `noted_at` now means the last use, not the first. Existing rows count as in use now, so none is removed too early.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`update automation_versions set noted_at = now()`.execute(db);
}
