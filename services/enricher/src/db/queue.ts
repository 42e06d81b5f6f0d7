import type { Database } from '@pressferry/database';
import { sql } from 'kysely';
import type { ClaimedRun } from './claim-runs.ts';

export interface QueueState {
  due: number;
  oldestDueAgeSeconds: number;
  unpublished: number;
}

/** How many runs are due, the age of the oldest, and how many results wait to be published; the same for every process. */
export async function readQueue(db: Database): Promise<QueueState> {
  const { rows } = await sql<{ due: number; age: number; unpublished: number }>`
    select count(*)::integer as due, coalesce(extract(epoch from now() - min(due_at)), 0)::float8 as age,
      (select count(*)::integer from results where published_at is null) as unpublished
    from runs where status in ('pending', 'running', 'waiting') and due_at <= now()
      and not exists (select from sites where sites.site_id = runs.site_id and sites.status <> 'active')
  `.execute(db);
  const { due = 0, age = 0, unpublished = 0 } = rows[0] ?? {};
  return { due, oldestDueAgeSeconds: age, unpublished };
}

/** The vendors that runs wait for although this process does not know them, with the age of their oldest run. */
export async function unknownVendors(db: Database, known: readonly string[], graceMs: number): Promise<string[]> {
  const { rows } = await sql<Pick<ClaimedRun, 'vendor'>>`
    select distinct vendor from runs
    where status in ('pending', 'running', 'waiting') and due_at <= now() - ${graceMs} * interval '1 millisecond'
      and not (vendor = any(${known}))
  `.execute(db);
  return rows.map(({ vendor }) => vendor);
}
