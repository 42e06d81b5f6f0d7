import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table intake_positions (
      stream text primary key,
      -- When the stream was made: a stream of the same name that was made later counts its messages from 1 again.
      stream_created_at text not null,
      -- Every message up to this one is stored.
      sequence bigint not null,
      updated_at timestamptz not null default now()
    )`.execute(db);
}
