import { type Kysely, sql } from 'kysely';

/**
 * Moves open runs and deliveries into small tables of their own, so claims never read finished work. No index has a
 * column that a claim or a renewal changes. The previous release cannot run with it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  'set local statement_timeout = 0',
  'lock table events, runs, steps, step_attempts, results, deliveries, attempts in access exclusive mode',
  // Existing rows have no instant of acceptance: they share one, which costs nothing.
  ...['events', 'runs', 'steps', 'step_attempts', 'results', 'deliveries', 'attempts'].map(
    (table) => `alter table ${table} add column filed_at timestamptz not null default '-infinity'`,
  ),
  // A database between two releases may have it already.
  'alter table runs add column if not exists automation_version text',
  `create table open_runs (
    -- When ingress accepted the event; '-infinity' if the event was stored before there were partitions.
    filed_at timestamptz not null,
    run_id uuid primary key,
    request_id uuid not null,
    site_id text not null,
    idempotency_key uuid not null,
    automation text not null,
    -- Of the definition that it began under; null in a run of an earlier release.
    automation_version text,
    vendor text not null,
    status text not null default 'pending' check (status in ('pending', 'running', 'waiting')),
    due_at timestamptz not null default now(),
    lease_owner text,
    lease_until timestamptz,
    created_at timestamptz not null default now(),
    started_at timestamptz
  ) with (fillfactor = 70)`,
  'create index open_runs_by_lane on open_runs (vendor, site_id, due_at)',
  `create table open_steps (
    filed_at timestamptz not null,
    run_id uuid not null,
    position integer not null,
    name text not null,
    type text not null,
    vendor text not null,
    status text not null default 'pending' check (status in ('pending', 'succeeded', 'failed', 'skipped')),
    attempt_count integer not null default 0,
    lost_count integer not null default 0,
    sealed_output text,
    failure_code text,
    started_at timestamptz,
    finished_at timestamptz,
    primary key (run_id, position)
  ) with (fillfactor = 70)`,
  `create table open_deliveries (
    filed_at timestamptz not null,
    result_id uuid primary key,
    run_id uuid not null,
    request_id uuid not null,
    site_id text not null,
    -- Of the event: a push need not read it.
    idempotency_key uuid,
    traceparent text,
    completed_at timestamptz not null,
    status text not null default 'pending' check (status in ('pending', 'held')),
    attempt_count integer not null default 0,
    -- How many of them have a row in attempts.
    attempts_told integer not null default 0,
    due_at timestamptz not null default now(),
    lease_owner text,
    lease_until timestamptz,
    failure_code text,
    replays text[],
    created_at timestamptz not null default now()
  ) with (fillfactor = 70)`,
  "create index open_deliveries_due on open_deliveries (site_id, due_at) where status = 'pending'",
  "create index open_deliveries_held on open_deliveries (site_id, due_at) where status = 'held'",
  `insert into open_runs (filed_at, run_id, request_id, site_id, idempotency_key, automation, automation_version, vendor, status, due_at,
      lease_owner, lease_until, created_at, started_at)
    select filed_at, run_id, request_id, site_id, idempotency_key, automation, automation_version, vendor, status, least(due_at, coalesce(started_at, due_at)),
      lease_owner, lease_until, created_at, started_at
    from runs where status in ('pending', 'running', 'waiting')`,
  `insert into open_steps (filed_at, run_id, position, name, type, vendor, status, attempt_count, lost_count, sealed_output,
      failure_code, started_at, finished_at)
    select steps.filed_at, run_id, position, name, type, steps.vendor, steps.status, attempt_count, lost_count, sealed_output,
      failure_code, steps.started_at, finished_at
    from steps join open_runs using (run_id)`,
  // Including those that enrichers before 0022 left to callback.
  `insert into open_deliveries (filed_at, result_id, run_id, request_id, site_id, idempotency_key, traceparent, completed_at,
      status, attempt_count, attempts_told, due_at, lease_owner, lease_until, failure_code, replays, created_at)
    select results.filed_at, result_id, results.run_id, results.request_id, results.site_id, idempotency_key, traceparent,
      completed_at, coalesce(deliveries.status, 'pending'), coalesce(attempt_count, 0),
      coalesce((select max(attempt) from attempts where attempts.result_id = results.result_id), 0),
      coalesce(due_at, now()), lease_owner, lease_until, failure_code, replays, coalesce(deliveries.created_at, now())
    from results left join deliveries using (result_id) left join events on events.request_id = results.request_id
    where deliveries.status is null or deliveries.status in ('pending', 'held')`,
  "delete from runs where status in ('pending', 'running', 'waiting')",
  'delete from steps using open_runs where steps.run_id = open_runs.run_id',
  "delete from deliveries where status in ('pending', 'held')",
  // The keys that repeats of a kept event are found by, and the event's day.
  `create table event_keys (
    request_id uuid primary key,
    filed_at timestamptz not null
  )`,
  'create index event_keys_by_time on event_keys using brin (filed_at) with (pages_per_range = 32)',
  'insert into event_keys (request_id, filed_at) select request_id, filed_at from events',
];
