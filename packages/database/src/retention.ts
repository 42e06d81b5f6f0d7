import { sql } from 'kysely';
import { type Day, readDays } from './days.ts';
import { isOld, isOpen, whenLocked } from './old-days.ts';
import type { Database } from './open.ts';

export interface RetentionRules {
  /** Days (UTC) that ended so long ago are dropped. */
  days: number;
  dryRun?: boolean;
  signal?: AbortSignal;
}

export interface Removed {
  days: number;
  events: number;
  /** Old days with an unfinished run, result or delivery. */
  keptDays: number;
  /** Old days whose tables readers or writers hold; the next pass tries again. */
  busyDays: number;
}

/** The order of dropping: the events first, so nothing of the day starts again; the last one marks the day as done. */
const TABLES = ['events', 'past_runs', 'past_steps', 'step_attempts', 'results', 'past_deliveries', 'attempts'];
const KEYS_BATCH = 10_000;

type Dropped = 'dropped' | 'open' | 'busy';

/**
 * Drops the days that ended `days` ago, oldest first. A day with an open run, an unpublished result or an open delivery
 * stays whole. Waits at most a quarter of a second for a lock, then lets others go first. Rejects if Postgres fails;
 * the next pass finishes a half-dropped day. Two passes may run at once.
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
  // Without a lock, so checking a kept day delays no work.
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

/** The keys are in one table, so they are deleted in batches. None if a late event made the day again. */
async function forgetKeys(db: Database, { suffix, from, to }: Day): Promise<void> {
  for (;;) {
    const { numAffectedRows } = await sql`
      delete from event_keys where ctid = any(array(
        select ctid from event_keys where filed_at >= ${from}::timestamptz and filed_at < ${to}::timestamptz
          and to_regclass(${`events${suffix}`}) is null
        limit ${KEYS_BATCH}
      ))`.execute(db);
    if (Number(numAffectedRows ?? 0n) < KEYS_BATCH) return;
  }
}
