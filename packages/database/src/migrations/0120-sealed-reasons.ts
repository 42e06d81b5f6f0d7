import { type Kysely, sql } from 'kysely';

/** Sealed, because a reason may repeat a visitor's text. Only commands of earlier releases wrote `decision_reason`. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table open_steps add column sealed_reason text`.execute(db);
}
