import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table vendor_blocks (
    vendor text primary key,
    cause text not null check (cause in ('limited', 'denied')),
    blocked_until timestamptz not null,
    noted_at timestamptz not null default now()
  )`.execute(db);
}
