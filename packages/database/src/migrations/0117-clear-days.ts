import { type Kysely, sql } from 'kysely';

/**
 * `clear_day` empties one table of a day and keeps the partition, so a revived run or delivery finds its place. Runs
 * with the migrator's rights. 'open': the day has unfinished work. 'empty': nothing to remove. Rejects with 55P03 if
 * the table is locked.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  // True if a run, result or delivery of the day is unfinished.
  await sql
    .raw(
      `create function day_is_open(from_at timestamptz, to_at timestamptz) returns boolean language sql stable set search_path from current as $$
        select exists (select from open_runs where filed_at >= from_at and filed_at < to_at)
          or exists (select from open_deliveries where filed_at >= from_at and filed_at < to_at)
          or exists (select from results where filed_at >= from_at and filed_at < to_at and published_at is null)
      $$`,
    )
    .execute(db);
  await sql
    .raw(
      `create function clear_day(parent text, suffix text) returns text
      language plpgsql security definer set search_path from current set lock_timeout = '250ms' as $$
      declare
        partition text := parent || suffix;
        from_at timestamptz := case when suffix = '_legacy' then '-infinity' else (substr(suffix, 2) || ' 00:00:00+00')::timestamptz end;
        to_at timestamptz := case when suffix = '_legacy' then '2000-01-01 00:00:00+00' else (substr(suffix, 2)::date + 1 || ' 00:00:00+00')::timestamptz end;
        has_rows boolean;
      begin
        if parent not in ('past_steps', 'step_attempts', 'attempts') or suffix !~ '^_(legacy|\\d{8})$' then
          raise exception 'no day % of % can be emptied', suffix, parent using errcode = 'invalid_parameter_value';
        end if;
        if to_regclass(quote_ident(partition)) is null then return 'empty'; end if;
        execute format('select exists (select from %I)', partition) into has_rows;
        if not has_rows then return 'empty'; end if;
        execute format('lock table %I in access exclusive mode', partition);
        -- Asked under the lock: who begins a finished run again reads its steps first, and is seen here or sees none.
        if day_is_open(from_at, to_at) then return 'open'; end if;
        execute format('truncate %I', partition);
        return 'cleared';
      end $$`,
    )
    .execute(db);
}
