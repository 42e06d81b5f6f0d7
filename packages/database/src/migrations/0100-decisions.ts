import { type Kysely, sql } from 'kysely';

/** Keeps what a person decided at an `approve` step until the run goes on; then it is part of the step's output. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table open_steps
    add column decision text check (decision in ('approved', 'rejected')),
    add column decided_by text,
    add column decided_at timestamptz,
    add column decision_reason text`.execute(db);
}
