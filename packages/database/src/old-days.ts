import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { type Day, LEGACY } from './days.ts';
import type { Database } from './open.ts';

const TRIES = 20;
const PAUSE_MS = 250;
const LOCK_NOT_AVAILABLE = '55P03';

/** Rows from before partitioning go together, once their youngest event is old. */
export async function isOld(db: Database, { suffix, to }: Day, days: number): Promise<boolean> {
  const end =
    suffix === LEGACY
      ? sql`(select max(received_at) from events where filed_at = '-infinity')`
      : sql`${to}::timestamptz`;
  const { rows } = await sql<{ is_old: boolean }>`
    select coalesce(${end} <= now() - ${days} * interval '1 day', true) as is_old`.execute(db);
  return rows[0]?.is_old ?? false;
}

/** True if a run, a result or a delivery of the day is unfinished. */
export async function isOpen(db: Database, { from, to }: Day): Promise<boolean> {
  const { rows } = await sql<{ is_open: boolean }>`
    select day_is_open(${from}::timestamptz, ${to}::timestamptz) as is_open`.execute(db);
  return rows[0]?.is_open ?? true;
}

/** Retries while a needed lock is held; 'busy' after five seconds, or once `signal` is aborted. */
export async function whenLocked<T>(statement: () => Promise<T>, signal: AbortSignal | undefined): Promise<T | 'busy'> {
  for (let tries = 1; ; tries++) {
    try {
      return await statement();
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE)) throw error;
      if (tries === TRIES || signal?.aborted === true) return 'busy';
      await delay(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
