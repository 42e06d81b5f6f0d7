import { type Kysely, sql } from 'kysely';

/** A person's decision at an `approve` step, until the run goes on. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table open_steps
    add column decision text check (decision in ('approved', 'rejected')),
    add column decided_by text,
    add column decided_at timestamptz,
    add column decision_reason text`.execute(db);
}
