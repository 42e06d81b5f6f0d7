import { type RawBuilder, sql } from 'kysely';
import type { Database } from './open.ts';

/** Days beyond today whose partitions are made ahead; another day's are made when its first event is stored. */
export const DAYS_AHEAD = 7;

/** A day's partitions, or those from before tables were partitioned. */
export interface Day {
  /** Of its tables' names: `_20261126`, or `_legacy`. */
  suffix: string;
  /** The first instant of its rows. In Postgres' form, because it may be -infinity. */
  from: string;
  /** Exclusive. */
  to: string;
}

const DAY_MS = 86_400_000;

/** UTC, in ISO form. */
export const dayOf = (instant: string | Date): string => new Date(instant).toISOString().slice(0, 10);

/** True if some were missing. Waits for no reader or writer. */
export async function makeDay(db: Database, day: string): Promise<boolean> {
  const { rows } = await sql<{ made: boolean }>`select make_day(${day}::date) as made`.execute(db);
  return rows[0]?.made ?? false;
}

export async function makeDaysAhead(db: Database): Promise<void> {
  for (let ahead = 0; ahead <= DAYS_AHEAD; ahead++) await makeDay(db, dayOf(new Date(Date.now() + ahead * DAY_MS)));
}

/** Oldest first. A day counts until its last table is gone. */
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

/**
 * Any of these timestamps of rows, as Postgres wrote them, to compare `filed_at` with. A literal: of a parameter a
 * generic plan covers every day there is, and locks them all. So the statement must have no name.
 */
export function anyFiledAt(filedAt: Iterable<string>): RawBuilder<unknown> {
  const elements = [...new Set(filedAt)].map((one) => `"${one}"`);
  return sql`any(${sql.lit(`{${elements.join()}}`)}::timestamptz[])`;
}

/** Days beyond today that have partitions, without a gap; -1 if today has none. */
export async function countDaysAhead(db: Database): Promise<number> {
  const there = new Set((await readDays(db)).map(({ from }) => from.slice(0, 10)));
  let ahead = -1;
  while (there.has(dayOf(new Date(Date.now() + (ahead + 1) * DAY_MS)))) ahead++;
  return ahead;
}
