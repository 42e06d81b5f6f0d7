import { type Kysely, sql } from 'kysely';

/**
 * `drop_day` drops nothing while `make_day` runs. A day that was made again while it was dropped could lack the table that
 * went just then, and its deliveries could not be recorded.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw(
      // 'open': the day has unfinished work. 'busy': a day is being made. Rejects with 55P03 if the tables are locked.
      `create or replace function drop_day(parent text, suffix text) returns text
      language plpgsql security definer set search_path from current set lock_timeout = '250ms' as $$
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
        -- Not waited for: \`make_day\` holds it and may wait for the table.
        if not pg_try_advisory_xact_lock(hashtext('pressferry day partitions')) then return 'busy'; end if;
        if parent <> 'events' and to_regclass(quote_ident('events' || suffix)) is not null then return 'open'; end if;
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
    )
    .execute(db);
}
