import { type Kysely, sql } from 'kysely';

/** Counts how often a worker began an EVENTS message, alone, and died. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table intake_suspects (
    -- SHA-256 of the message.
    digest text primary key,
    begun integer not null default 1,
    begun_at timestamptz not null default now()
  )`.execute(db);
}
