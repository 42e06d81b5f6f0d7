import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `create table sites (
    site_id text primary key,
    status text not null default 'active' check (status in ('active', 'paused', 'disabled')),
    issuer text not null,
    audience text not null,
    callback_url text,
    -- Set by a 410 of the callback URL; pushes stop, polling goes on.
    callback_stopped_at timestamptz,
    settings jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
  )`,
  `create table site_keys (
    site_id text not null references sites on delete cascade,
    kid text not null,
    algorithm text not null check (algorithm in ('RS256', 'ES256', 'EdDSA', 'HS256')),
    -- SPKI PEM of a public key; a sealed secret for HS256.
    public_key text not null,
    expires_at timestamptz,
    created_at timestamptz not null default now(),
    primary key (site_id, kid)
  )`,
  `create table site_secrets (
    secret_id uuid primary key default gen_random_uuid(),
    site_id text not null references sites on delete cascade,
    sealed_secret text not null,
    expires_at timestamptz,
    created_at timestamptz not null default now()
  )`,
  'create index site_secrets_by_site on site_secrets (site_id, created_at desc)',
  `create table events (
    request_id uuid primary key,
    site_id text not null,
    idempotency_key uuid not null,
    event_type text not null,
    object_ref text not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    stored_at timestamptz not null default now(),
    mode text not null check (mode in ('live', 'dry_run')),
    fingerprint text not null,
    traceparent text,
    -- The whole body of the request, sealed.
    sealed_body text not null,
    unique (site_id, idempotency_key)
  )`,
  'create index events_by_object on events (site_id, object_ref)',
  'create index events_by_time on events (received_at)',
  `create table runs (
    run_id uuid primary key,
    request_id uuid not null references events on delete cascade,
    site_id text not null,
    idempotency_key uuid not null,
    automation text not null,
    status text not null default 'pending' check (status in ('pending', 'running', 'waiting', 'succeeded', 'failed')),
    failure_code text,
    failed_step text,
    due_at timestamptz not null default now(),
    lease_owner text,
    lease_until timestamptz,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,
    unique (site_id, idempotency_key, automation)
  )`,
  "create index runs_due on runs (due_at) where status in ('pending', 'running', 'waiting')",
  'create index runs_by_request on runs (request_id)',
  `create table steps (
    run_id uuid not null references runs on delete cascade,
    position integer not null,
    name text not null,
    type text not null,
    vendor text not null,
    status text not null default 'pending' check (status in ('pending', 'succeeded', 'failed', 'skipped')),
    attempt_count integer not null default 0,
    sealed_output text,
    failure_code text,
    started_at timestamptz,
    finished_at timestamptz,
    primary key (run_id, position)
  )`,
  `create table step_attempts (
    run_id uuid not null,
    position integer not null,
    attempt integer not null,
    started_at timestamptz not null,
    duration_ms integer not null,
    outcome text not null check (outcome in ('succeeded', 'retry', 'failed')),
    status_code integer,
    failure_code text,
    primary key (run_id, position, attempt),
    foreign key (run_id, position) references steps on delete cascade
  )`,
  `create table results (
    result_id uuid primary key,
    run_id uuid not null unique references runs on delete cascade,
    request_id uuid not null,
    site_id text not null,
    -- The transaction that wrote the row: a poll shows only what no running transaction can still precede.
    commit_xid xid8 not null default pg_current_xact_id(),
    ordinal bigint generated always as identity,
    sealed_body text not null,
    completed_at timestamptz not null,
    -- When RESULTS acknowledged the message; null until then, and a sweep publishes what a crash left behind.
    published_at timestamptz
  )`,
  'create index results_by_cursor on results (site_id, commit_xid, ordinal)',
  'create index results_by_request on results (site_id, request_id)',
  'create index results_unpublished on results (completed_at) where published_at is null',
  `create table deliveries (
    result_id uuid primary key references results on delete cascade,
    site_id text not null,
    status text not null default 'pending' check (status in ('pending', 'held', 'acknowledged', 'polled', 'dead')),
    attempt_count integer not null default 0,
    due_at timestamptz not null default now(),
    lease_owner text,
    lease_until timestamptz,
    failure_code text,
    created_at timestamptz not null default now(),
    finished_at timestamptz
  )`,
  "create index deliveries_due on deliveries (due_at) where status = 'pending'",
  'create index deliveries_by_site on deliveries (site_id, status)',
  `create table attempts (
    result_id uuid not null references deliveries on delete cascade,
    attempt integer not null,
    started_at timestamptz not null,
    duration_ms integer not null,
    outcome text not null check (outcome in ('acknowledged', 'retry', 'stopped')),
    status_code integer,
    failure_code text,
    primary key (result_id, attempt)
  )`,
  `create table audit_log (
    audit_id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor text not null,
    action text not null,
    site_id text,
    detail jsonb not null default '{}'
  )`,
  // Terminal states are written once: a late worker must not undo them.
  `create function refuse_change_of_terminal_state() returns trigger language plpgsql as $$
  begin
    if old.status = any (tg_argv::text[]) and new.status is distinct from old.status then
      raise exception 'terminal state % of % is written once', old.status, tg_table_name using errcode = 'check_violation';
    end if;
    return new;
  end $$`,
  `create trigger runs_terminal before update on runs
    for each row execute function refuse_change_of_terminal_state('succeeded', 'failed')`,
  `create trigger steps_terminal before update on steps
    for each row execute function refuse_change_of_terminal_state('succeeded', 'failed', 'skipped')`,
  `create trigger deliveries_terminal before update on deliveries
    for each row execute function refuse_change_of_terminal_state('acknowledged')`,
];
