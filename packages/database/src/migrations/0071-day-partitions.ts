import { type Kysely, sql } from 'kysely';

/**
 * Partitions the growing tables by the day (UTC) on which ingress accepted the event, so retention drops days and no
 * index outgrows a day. Existing tables become the first partition, uncopied. The previous release cannot run with it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const run = async (statements: readonly string[]) => {
    for (const statement of statements) await sql.raw(statement).execute(db);
  };
  const { rows } = await sql<{ is_used: boolean }>`select exists (select from events) as is_used`.execute(db);
  await run(NARROWED);
  for (const table of TABLES) await run(partitioned(table));
  await run(MAINTENANCE);
  for (const table of TABLES)
    await run(
      rows[0]?.is_used === true
        ? [
            `alter table ${table.name} attach partition ${table.name}_legacy for values from (minvalue) to ('2000-01-01 00:00:00+00')`,
          ]
        : [`drop table ${table.name}_legacy`],
    );
  await run(VIEWS);
  await run(["select make_day((now() at time zone 'utc')::date + ahead) from generate_series(-1, 7) ahead"]);
}

interface Table {
  name: string;
  /** The old name. */
  from: string;
  key: string;
  /** Of every day. */
  indexes: Record<string, string>;
}

/** Only a person searches by an id alone: a filter over many pages costs almost nothing to maintain. */
const bloom = (column: string): string => `using brin (${column} uuid_bloom_ops) with (autosummarize = on)`;

const TABLES: Table[] = [
  {
    ...{ name: 'events', from: 'events', key: 'filed_at, request_id' },
    indexes: {
      events_by_object: '(site_id, object_ref)',
      events_erasure_requests: "(request_id) where event_type = 'subject.erasure_requested'",
    },
  },
  { name: 'past_runs', from: 'runs', key: 'filed_at, run_id', indexes: { past_runs_by_id: bloom('run_id') } },
  { name: 'past_steps', from: 'steps', key: 'filed_at, run_id, position', indexes: {} },
  { name: 'step_attempts', from: 'step_attempts', key: 'filed_at, run_id, position, attempt', indexes: {} },
  {
    ...{ name: 'results', from: 'results', key: 'filed_at, result_id' },
    indexes: {
      results_by_cursor: '(site_id, commit_xid, ordinal)',
      results_unpublished: '(completed_at) where published_at is null',
      results_by_place: '(commit_xid)',
      results_by_id: bloom('result_id'),
    },
  },
  {
    ...{ name: 'past_deliveries', from: 'deliveries', key: 'filed_at, result_id' },
    indexes: { past_deliveries_dead: "(site_id) where status = 'dead'" },
  },
  { name: 'attempts', from: 'attempts', key: 'filed_at, result_id, attempt', indexes: {} },
];

/** Drops what only open work needs, and what no longer identifies a row. */
const NARROWED = [
  'drop trigger runs_terminal on runs',
  'drop trigger steps_terminal on steps',
  'drop trigger deliveries_terminal on deliveries',
  'drop trigger results_placed on results',
  // A request id is derived from site and key.
  'alter table events drop constraint events_site_id_idempotency_key_key',
  // A result's id is derived from its run.
  'alter table results drop constraint results_run_id_key',
  'drop index runs_due, runs_by_lane, deliveries_due_by_site, deliveries_held_by_site',
  'alter table runs drop column due_at, drop column lease_owner, drop column lease_until',
  'alter table deliveries drop column due_at, drop column lease_owner, drop column lease_until',
  // Places are unique since 0021; the ordinal orders older rows.
  'alter table results alter column ordinal drop identity, alter column ordinal set default 0',
  // Past rows are read by event: in the first partition by these indexes, in days by their keys.
  'alter index runs_by_request rename to past_runs_legacy_by_request',
  'alter index results_by_request rename to results_legacy_by_request',
  'alter index events_by_time rename to events_legacy_by_time',
];

function partitioned({ name, from, key, indexes }: Table): string[] {
  const legacy = `${name}_legacy`;
  const known = [
    'events_by_object',
    'events_erasure_requests',
    'results_by_cursor',
    'results_unpublished',
    'results_by_place',
  ];
  return [
    `alter table ${from} rename to ${legacy}`,
    `alter table ${legacy} drop constraint ${from}_pkey`,
    `alter table ${legacy} add constraint ${legacy}_pkey primary key (${key})`,
    ...Object.keys(indexes).flatMap((index) =>
      known.includes(index) ? [`alter index ${index} rename to ${index}_legacy`] : [],
    ),
    `create table ${name} (like ${legacy} including defaults including constraints) partition by range (filed_at)`,
    `alter table ${name} alter column filed_at drop default`,
    `alter table ${name} add constraint ${name}_pkey primary key (${key})`,
    ...Object.entries(indexes).map(([index, of]) => `create index ${index} on ${name} ${of}`),
  ];
}

const NAMES = TABLES.map(({ name }) => `'${name}'`).join(', ');

/** With the migrator's rights: services may not make tables. */
const OWNED = "language plpgsql security definer set search_path from current set lock_timeout = '250ms'";

const MAINTENANCE = [
  `create function day_tables() returns text[] language sql immutable as $$ select array[${NAMES}] $$`,
  // A table that is made first and then attached waits for no statement and blocks none.
  `create function make_day(day date) returns boolean ${OWNED} as $$
  declare
    parent text;
    partition text;
    made boolean := false;
  begin
    perform pg_advisory_xact_lock(hashtext('pressferry day partitions'));
    foreach parent in array day_tables() loop
      partition := parent || to_char(day, '_YYYYMMDD');
      continue when to_regclass(quote_ident(partition)) is not null;
      execute format('create table %I (like %I including defaults including constraints including indexes including storage)', partition, parent);
      execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, partition,
        day || ' 00:00:00+00', day + 1 || ' 00:00:00+00');
      -- A filter over the pages of an empty table would be written again, whole, for each of their rows.
      perform brin_desummarize_range(indexrelid, 0) from pg_index join pg_class index on index.oid = indexrelid
      where indrelid = to_regclass(quote_ident(partition)) and relam = (select oid from pg_am where amname = 'brin');
      made := true;
    end loop;
    return made;
  end $$`,
  // 'open': the day has unfinished work. Rejects with 55P03 if the tables are locked.
  `create function drop_day(parent text, suffix text) returns text ${OWNED} as $$
  declare
    partition text := parent || suffix;
    from_at timestamptz := case when suffix = '_legacy' then '-infinity' else (substr(suffix, 2) || ' 00:00:00+00')::timestamptz end;
    to_at timestamptz := case when suffix = '_legacy' then '2000-01-01 00:00:00+00' else (substr(suffix, 2)::date + 1 || ' 00:00:00+00')::timestamptz end;
    is_open boolean;
  begin
    if not parent = any(day_tables()) or suffix !~ '^_(legacy|\\d{8})$' then
      raise exception 'there is no day % of %', suffix, parent using errcode = 'invalid_parameter_value';
    end if;
    if to_regclass(quote_ident(partition)) is null then return 'missing'; end if;
    if parent <> 'events' and to_regclass(quote_ident('events' || suffix)) is not null then return 'open'; end if;
    execute format('lock table only %I, only %I in access exclusive mode', parent, partition);
    if parent = 'events' then
      -- A statement that begins something for an event of the day holds a lock on its table: from here on none does.
      select exists (select from open_runs where filed_at >= from_at and filed_at < to_at)
        or exists (select from open_deliveries where filed_at >= from_at and filed_at < to_at)
        or exists (select from results where filed_at >= from_at and filed_at < to_at and published_at is null)
        into is_open;
      if is_open then return 'open'; end if;
    end if;
    execute format('alter table %I detach partition %I', parent, partition);
    execute format('drop table %I', partition);
    return 'dropped';
  end $$`,
  `create trigger results_placed before insert on results for each statement execute function note_result_writer()`,
  ...[
    ['past_runs', "'succeeded', 'failed'"],
    ['past_steps', "'succeeded', 'failed', 'skipped'"],
    ['past_deliveries', "'acknowledged'"],
  ].map(
    ([table, states]) => `create trigger ${table}_terminal before update on ${table} for each row
      when (old.status in (${states}) and new.status is distinct from old.status)
      execute function refuse_change_of_terminal_state(${states})`,
  ),
];

/** Open and finished work together, for reading. */
const VIEWS = [
  `create view runs as
    select filed_at, run_id, request_id, site_id, idempotency_key, automation, automation_version, vendor, status, null::text as failure_code,
      null::text as failed_step, due_at, lease_owner, lease_until, created_at, started_at, null::timestamptz as finished_at
    from open_runs
    union all
    select filed_at, run_id, request_id, site_id, idempotency_key, automation, automation_version, vendor, status, failure_code, failed_step,
      null, null, null, created_at, started_at, finished_at
    from past_runs`,
  `create view steps as
    select filed_at, run_id, position, name, type, vendor, status, attempt_count, lost_count, sealed_output, failure_code,
      started_at, finished_at
    from open_steps
    union all
    select filed_at, run_id, position, name, type, vendor, status, attempt_count, lost_count, sealed_output, failure_code,
      started_at, finished_at
    from past_steps`,
  `create view deliveries as
    select filed_at, result_id, site_id, status, attempt_count, due_at, lease_owner, lease_until, failure_code, replays,
      created_at, null::timestamptz as finished_at
    from open_deliveries
    union all
    select filed_at, result_id, site_id, status, attempt_count, null, null, null, failure_code, replays, created_at, finished_at
    from past_deliveries`,
];
