import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { type Day, LEGACY, readDays } from './days.ts';
import type { Database } from './open.ts';

export interface RetentionRules {
  /** Days (UTC) that ended so long ago are dropped. */
  days: number;
  /** Counts what would be dropped, and drops nothing. */
  dryRun?: boolean;
  signal?: AbortSignal;
}

/** What a pass found. */
export interface Removed {
  days: number;
  events: number;
  /** Days that are old enough, but a run, a result or a delivery of theirs is not finished. */
  keptDays: number;
  /** Days that are old enough, but readers or writers did not let go of their tables; the next pass tries again. */
  busyDays: number;
}

/** The tables of a day, the event's own first: once it is gone nothing of the day is begun again. The last one to go marks the day as done. */
const TABLES = ['events', 'past_runs', 'past_steps', 'step_attempts', 'results', 'past_deliveries', 'attempts'];
const KEYS_BATCH = 10_000;
const TRIES = 20;
const PAUSE_MS = 250;
/** A lock that was not free in time. */
const LOCK_NOT_AVAILABLE = '55P03';

type Dropped = 'dropped' | 'open' | 'busy';

/**
 * Drops the days that ended `days` ago, oldest first, each with its events, runs, steps, attempts, results and deliveries. A day with an open
 * run, an unpublished result or an open delivery stays whole however old it is. Waits a quarter of a second for a lock, at most, and
 * then lets others go first. Rejects if Postgres fails; dropped days stay dropped, and a day that was left half way is ended by the
 * next pass. Two passes at once do no harm.
 */
export async function dropOldDays(db: Database, { days, dryRun = false, signal }: RetentionRules): Promise<Removed> {
  const total: Removed = { days: 0, events: 0, keptDays: 0, busyDays: 0 };
  for (const day of await readDays(db)) {
    if (signal?.aborted === true) break;
    if (!(await isOld(db, day, days))) continue;
    const events = await countEvents(db, day);
    const dropped = dryRun ? ((await isOpen(db, day)) ? 'open' : 'dropped') : await dropDay(db, day, signal);
    if (dropped === 'open') total.keptDays++;
    if (dropped === 'busy') total.busyDays++;
    if (dropped !== 'dropped') continue;
    total.days++;
    total.events += events;
  }
  return total;
}

/** The rows from before there were days go at once, when their youngest event is old. */
async function isOld(db: Database, { suffix, to }: Day, days: number): Promise<boolean> {
  const end =
    suffix === LEGACY
      ? sql`(select max(received_at) from events where filed_at = '-infinity')`
      : sql`${to}::timestamptz`;
  const { rows } = await sql<{ is_old: boolean }>`
    select coalesce(${end} <= now() - ${days} * interval '1 day', true) as is_old`.execute(db);
  return rows[0]?.is_old ?? false;
}

async function countEvents(db: Database, { from, to }: Day): Promise<number> {
  const { rows } = await sql<{ events: string }>`
    select count(*) as events from events where filed_at >= ${from}::timestamptz and filed_at < ${to}::timestamptz`.execute(
    db,
  );
  return Number(rows[0]?.events);
}

async function isOpen(db: Database, { from, to }: Day): Promise<boolean> {
  const ofDay = sql`filed_at >= ${from}::timestamptz and filed_at < ${to}::timestamptz`;
  const { rows } = await sql<{ is_open: boolean }>`
    select exists (select from open_runs where ${ofDay}) or exists (select from open_deliveries where ${ofDay})
      or exists (select from results where ${ofDay} and published_at is null) as is_open`.execute(db);
  return rows[0]?.is_open ?? true;
}

async function dropDay(db: Database, day: Day, signal: AbortSignal | undefined): Promise<Dropped> {
  // Asked first without a lock: a day that is kept costs the work nothing.
  if (await isOpen(db, day)) return 'open';
  for (const table of TABLES) {
    if (table === TABLES.at(-1)) await forgetKeys(db, day);
    const dropped = await dropTable(db, { table, suffix: day.suffix }, signal);
    if (dropped !== 'dropped') return dropped;
  }
  return 'dropped';
}

async function dropTable(
  db: Database,
  { table, suffix }: { table: string; suffix: string },
  signal: AbortSignal | undefined,
): Promise<Dropped> {
  for (let tries = 1; ; tries++) {
    try {
      const { rows } = await sql<{ dropped: string }>`select drop_day(${table}, ${suffix}) as dropped`.execute(db);
      return rows[0]?.dropped === 'open' ? 'open' : 'dropped';
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE)) throw error;
      if (tries === TRIES || signal?.aborted === true) return 'busy';
      await delay(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** The keys are small and in one table, so they are deleted, some at a time. */
async function forgetKeys(db: Database, { from, to }: Day): Promise<void> {
  for (;;) {
    const { numAffectedRows } = await sql`
      delete from event_keys where ctid = any(array(
        select ctid from event_keys where filed_at >= ${from}::timestamptz and filed_at < ${to}::timestamptz limit ${KEYS_BATCH}
      ))`.execute(db);
    if (Number(numAffectedRows ?? 0n) < KEYS_BATCH) return;
  }
}
