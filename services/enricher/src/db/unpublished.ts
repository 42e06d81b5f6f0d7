import { anyFiledAt, type Database } from '@pressferry/database';
import { sql } from 'kysely';

/** As far as Postgres knows, RESULTS has not acknowledged its message. */
export interface UnpublishedResult {
  filed_at: string;
  result_id: string;
  run_id: string;
  request_id: string;
  site_id: string;
  completed_at: Date;
  traceparent: string | null;
  failure_code: string | null;
}

/** Oldest first; completed at least `olderThanMs` ago. */
export async function readUnpublished(db: Database, olderThanMs: number, limit: number): Promise<UnpublishedResult[]> {
  const { rows: found } = await sql<{ filed_at: string; result_id: string }>`/* find_unpublished */
    select filed_at::text, result_id from results
    where published_at is null and completed_at <= now() - ${olderThanMs} * interval '1 millisecond'
    order by completed_at limit ${limit}
  `.execute(db);
  if (found.length === 0) return [];
  const days = anyFiledAt(found.map(({ filed_at }) => filed_at));
  const { rows } = await sql<UnpublishedResult>`
    select results.filed_at::text, result_id, results.run_id, results.request_id, results.site_id, completed_at, traceparent, failure_code
    from results
      join past_runs on past_runs.filed_at = results.filed_at and past_runs.run_id = results.run_id
      join events on events.filed_at = results.filed_at and events.request_id = results.request_id
    where results.filed_at = ${days} and past_runs.filed_at = ${days} and events.filed_at = ${days}
      and result_id = any(${found.map(({ result_id }) => result_id)}::uuid[]) and published_at is null
    order by completed_at
  `.execute(db);
  return rows;
}

/** Resolves to how many were not marked before. */
export async function markPublished(
  db: Database,
  results: readonly { resultId: string; filedAt: string }[],
): Promise<number> {
  const { numAffectedRows } = await sql`
    update results set published_at = now()
    where filed_at = ${anyFiledAt(results.map(({ filedAt }) => filedAt))}
      and result_id = any(${results.map(({ resultId }) => resultId)}::uuid[]) and published_at is null`.execute(db);
  return Number(numAffectedRows ?? 0n);
}
