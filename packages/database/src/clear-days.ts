import { sql } from 'kysely';
import { readDays } from './days.ts';
import { isOld, isOpen, whenLocked } from './old-days.ts';
import type { Database } from './open.ts';

export interface ClearRules {
  /** Steps, with vendors' answers, and attempts at vendors go from days (UTC) that ended so long ago; 0 keeps them. */
  stepsDays: number;
  /** The same for attempts at sites. */
  attemptsDays: number;
  dryRun?: boolean;
  signal?: AbortSignal;
}

export interface Cleared {
  tables: number;
  /** Readers or writers hold them; the next pass tries again. */
  busyTables: number;
}

/**
 * Removes details of finished work before its events, runs, results and deliveries go. Keeps a day with an open run, an
 * unpublished result or an open delivery. Rejects if Postgres fails; cleared tables stay cleared.
 */
export async function clearOldDays(db: Database, rules: ClearRules): Promise<Cleared> {
  const { stepsDays, attemptsDays, dryRun = false, signal } = rules;
  const kinds = [
    { table: 'past_steps', days: stepsDays },
    { table: 'step_attempts', days: stepsDays },
    { table: 'attempts', days: attemptsDays },
  ].filter(({ days }) => days > 0);
  const total: Cleared = { tables: 0, busyTables: 0 };
  for (const day of await readDays(db))
    for (const { table, days } of kinds) {
      if (signal?.aborted === true) return total;
      if (!(await isOld(db, day, days)) || (await isOpen(db, day))) continue;
      const of = { table, suffix: day.suffix };
      const state = dryRun ? await look(db, of) : await whenLocked(() => clear(db, of), signal);
      if (state === 'cleared') total.tables++;
      if (state === 'busy') total.busyTables++;
    }
  return total;
}

type State = 'cleared' | 'open' | 'empty';

interface TableOfDay {
  table: string;
  suffix: string;
}

async function clear(db: Database, { table, suffix }: TableOfDay): Promise<State> {
  const { rows } = await sql<{ state: State }>`select clear_day(${table}, ${suffix}) as state`.execute(db);
  return rows[0]?.state ?? 'empty';
}

async function look(db: Database, { table, suffix }: TableOfDay): Promise<State> {
  const { rows } = await sql<{ has_rows: boolean }>`
    select exists (select from ${sql.id(`${table}${suffix}`)}) as has_rows`.execute(db);
  return rows[0]?.has_rows === true ? 'cleared' : 'empty';
}
