import { sql } from 'kysely';
import { type Day, readDays } from './days.ts';
import { isOld, isOpen, whenLocked } from './old-days.ts';
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

async function countEvents(db: Database, { from, to }: Day): Promise<number> {
  const { rows } = await sql<{ events: string }>`
    select count(*) as events from events where filed_at >= ${from}::timestamptz and filed_at < ${to}::timestamptz`.execute(
    db,
  );
  return Number(rows[0]?.events);
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
  const drop = sql<{ state: string }>`select drop_day(${table}, ${suffix}) as state`;
  const state = await whenLocked(async () => (await drop.execute(db)).rows[0]?.state, signal);
  return state === 'open' || state === 'busy' ? state : 'dropped';
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
