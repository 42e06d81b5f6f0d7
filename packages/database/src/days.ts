import { sql } from 'kysely';
import type { Database } from './open.ts';

/** So many days beyond today have their partitions; an event of another day has its own made when it is stored. */
export const DAYS_AHEAD = 7;

/** The partitions of one day, or of all that was there before days were kept apart. */
export interface Day {
  /** What their names end in: `_20261126`, or `_legacy`. */
  suffix: string;
  /** Rows of the day are filed from this instant on. In Postgres' form: -infinity is one of them. */
  from: string;
  /** And before this one. */
  to: string;
}

const DAY_MS = 86_400_000;

/** The day (UTC) of an instant, in ISO form. */
export const dayOf = (instant: string | Date): string => new Date(instant).toISOString().slice(0, 10);

/** Makes the partitions of a day unless they are there; true if some were missing. It waits for no reader or writer. */
export async function makeDay(db: Database, day: string): Promise<boolean> {
  const { rows } = await sql<{ made: boolean }>`select make_day(${day}::date) as made`.execute(db);
  return rows[0]?.made ?? false;
}

/** Makes the partitions of today and of the days ahead. */
export async function makeDaysAhead(db: Database): Promise<void> {
  for (let ahead = 0; ahead <= DAYS_AHEAD; ahead++) await makeDay(db, dayOf(new Date(Date.now() + ahead * DAY_MS)));
}

/** The days that have partitions, oldest first. A day counts until the last of its tables is gone. */
export async function readDays(db: Database): Promise<Day[]> {
  const { rows } = await sql<{ suffix: string }>`
    select distinct substr(child.relname, length(parent.relname) + 1) as suffix
    from pg_inherits join pg_class parent on parent.oid = inhparent join pg_class child on child.oid = inhrelid
    where parent.relname = any(day_tables()) and parent.relkind = 'p' and pg_table_is_visible(parent.oid)
  `.execute(db);
  return rows
    .map(({ suffix }) => toDay(suffix))
    .toSorted((a, b) => (a.suffix === LEGACY ? -1 : b.suffix === LEGACY ? 1 : a.suffix < b.suffix ? -1 : 1));
}

export const LEGACY = '_legacy';

function toDay(suffix: string): Day {
  if (suffix === LEGACY) return { suffix, from: '-infinity', to: '2000-01-01T00:00:00Z' };
  const from = `${suffix.slice(1, 5)}-${suffix.slice(5, 7)}-${suffix.slice(7, 9)}T00:00:00Z`;
  return { suffix, from, to: new Date(Date.parse(from) + DAY_MS).toISOString() };
}

/** For how many whole days beyond today there are partitions without a gap; -1 if today has none. */
export async function countDaysAhead(db: Database): Promise<number> {
  const there = new Set((await readDays(db)).map(({ from }) => from.slice(0, 10)));
  let ahead = -1;
  while (there.has(dayOf(new Date(Date.now() + (ahead + 1) * DAY_MS)))) ahead++;
  return ahead;
}
