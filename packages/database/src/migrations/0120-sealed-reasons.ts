import { type Kysely, sql } from 'kysely';

/**
 * Keeps the reason of a decision sealed, because it may say what a visitor wrote. `decision_reason` is what a command of an earlier
 * release wrote; nothing writes it any more.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table open_steps add column sealed_reason text`.execute(db);
}
