import { type RawBuilder, sql } from 'kysely';
import { readDays } from './days.ts';
import type { Database } from './open.ts';
import type { RetentionRules } from './retention.ts';

export interface Forgotten {
  versions: number;
  reservations: number;
  periods: number;
  erasureRequests: number;
  enrolmentTokens: number;
}

/** Replicas note the versions in use at least daily (`RETENTION_EVERY_MS`) and may miss one turn. */
const NOTED_WITHIN_DAYS = 2;
/** To compare a month with the same one a year before. */
const PERIODS_KEPT_DAYS = 400;

/**
 * Removes old rows of unpartitioned tables. Call it after `dropOldDays`, because it reads which days are left. A
 * reservation whose call never told its cost goes when its periods ended `days` ago, and then counts as spent in them.
 */
export async function forgetOldRows(
  db: Database,
  { days, dryRun = false }: Pick<RetentionRules, 'days' | 'dryRun'>,
): Promise<Forgotten> {
  const before = sql`now() - ${days}::int * interval '1 day'`;
  const remove = dryRun ? count : deleteRows;
  return {
    versions: await remove(db, sql`automation_versions version`, await versionsBefore(db, before)),
    reservations: await (dryRun ? count(db, RESERVATIONS, reservationsBefore(before)) : foldReservations(db, before)),
    periods: await remove(
      db,
      sql`budget_periods`,
      sql`starts_on < (now() at time zone 'utc')::date - greatest(${days}::int + 31, ${PERIODS_KEPT_DAYS}::int)`,
    ),
    // While its event exists, the mark keeps the request from being handled again.
    erasureRequests: await remove(
      db,
      sql`erasure_requests handled`,
      sql`handled_at < ${before} and not exists (select from event_keys where event_keys.request_id = handled.request_id)`,
    ),
    enrolmentTokens: await remove(db, sql`enrolment_tokens`, sql`expires_at < ${before}`),
  };
}

/**
 * Versions last used before the oldest day left, so no kept run began under them. Past runs need not be read; they have
 * no index for it.
 */
async function versionsBefore(db: Database, before: RawBuilder<unknown>): Promise<RawBuilder<unknown>> {
  const [oldest] = await readDays(db);
  return sql`noted_at < least(${before}, ${oldest?.from ?? 'infinity'}::timestamptz) - ${NOTED_WITHIN_DAYS}::int * interval '1 day'
    and not exists (select from open_runs where automation_version = version.version and open_runs.automation = version.automation)`;
}

const RESERVATIONS = sql`spend_reservations`;

const reservationsBefore = (before: RawBuilder<unknown>): RawBuilder<unknown> => sql`reserved_at < ${before}
  and not exists (
    select from jsonb_to_recordset(budgets) as budget (period text, starts_on date)
    where (starts_on + case period when 'month' then interval '1 month' else interval '1 day' end) at time zone 'utc' > ${before}
  )`;

async function foldReservations(db: Database, before: RawBuilder<unknown>): Promise<number> {
  return db.transaction().execute(async (tx) => {
    // Two at once would lock the periods in different orders. A call settles long before its periods are this old.
    await sql`select pg_advisory_xact_lock(hashtext('pressferry old reservations'))`.execute(tx);
    return counted(
      tx,
      sql`with gone as (
        delete from spend_reservations where ${reservationsBefore(before)} returning *
      ), sums as (
        select scope, name, period, starts_on, sum(micros)::bigint as micros, sum(tokens)::bigint as tokens
        from gone, jsonb_to_recordset(budgets) as budget (scope text, name text, period text, starts_on date)
        group by scope, name, period, starts_on
      ), folded as (
        update budget_periods as past set reserved_micros = reserved_micros - sums.micros, spent_micros = spent_micros + sums.micros,
          reserved_tokens = reserved_tokens - sums.tokens, spent_tokens = spent_tokens + sums.tokens
        from sums where (past.scope, past.name, past.period, past.starts_on) = (sums.scope, sums.name, sums.period, sums.starts_on)
      )
      select count(*) as rows from gone`,
    );
  });
}

type Remove = (db: Database, table: RawBuilder<unknown>, where: RawBuilder<unknown>) => Promise<number>;

const deleteRows: Remove = (db, table, where) =>
  counted(db, sql`with gone as (delete from ${table} where ${where} returning 1) select count(*) as rows from gone`);

const count: Remove = (db, table, where) => counted(db, sql`select count(*) as rows from ${table} where ${where}`);

async function counted(db: Database, query: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql<{ rows: string }>`${query}`.execute(db);
  return Number(rows[0]?.rows);
}
