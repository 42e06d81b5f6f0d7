import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table budgets (
    scope text not null check (scope in ('all', 'site', 'automation', 'vendor')),
    name text not null,
    period text not null check (period in ('day', 'month')),
    cap_micros bigint check (cap_micros >= 0),
    cap_tokens bigint check (cap_tokens >= 0),
    on_exhausted text not null check (on_exhausted in ('hold', 'skip', 'fail')),
    changed_at timestamptz not null default now(),
    primary key (scope, name, period)
  )`.execute(db);
  await sql`create table budget_periods (
    scope text not null,
    name text not null,
    period text not null,
    starts_on date not null,
    spent_micros bigint not null default 0,
    spent_tokens bigint not null default 0,
    reserved_micros bigint not null default 0,
    reserved_tokens bigint not null default 0,
    primary key (scope, name, period, starts_on)
  )`.execute(db);
  await sql`create table spend_reservations (
    reservation_id uuid primary key,
    run_id uuid not null,
    micros bigint not null,
    tokens bigint not null,
    budgets jsonb not null,
    reserved_at timestamptz not null default now()
  )`.execute(db);
  await sql`create table spend_stops (
    scope text not null check (scope in ('all', 'site', 'automation', 'vendor')),
    name text not null,
    stopped_at timestamptz not null default now(),
    primary key (scope, name)
  )`.execute(db);
}
