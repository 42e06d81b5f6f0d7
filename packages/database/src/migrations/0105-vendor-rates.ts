import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table vendor_rates (
    vendor text primary key,
    requests bigint not null default 0,
    tokens bigint not null default 0,
    in_flight bigint not null default 0,
    next_at timestamptz not null default now()
  )`.execute(db);
  await sql`create table vendor_permits (
    permit_id uuid primary key,
    vendor text not null,
    tokens bigint not null,
    is_in_flight boolean not null default true,
    counts_until timestamptz not null
  )`.execute(db);
  await sql`create index vendor_permits_by_end on vendor_permits (vendor, counts_until)`.execute(db);
}
