import { type Kysely, sql } from 'kysely';

/** Redelivery must not store an erased event again. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table erased_events (
      request_id uuid primary key,
      erased_at timestamptz not null default now()
    )`.execute(db);
  await sql`
    create table erasure_requests (
      request_id uuid primary key,
      handled_at timestamptz not null default now()
    )`.execute(db);
  await sql`
    create index events_erasure_requests on events (request_id) where event_type = 'subject.erasure_requested'
  `.execute(db);
}
