import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

/** A stored result whose message RESULTS has not acknowledged, as far as Postgres knows. */
export interface UnpublishedResult {
  result_id: string;
  run_id: string;
  request_id: string;
  site_id: string;
  completed_at: Date;
  traceparent: string | null;
  failure_code: string | null;
}

/** The oldest unpublished results that were completed at least `olderThanMs` ago, at most `limit`. */
export async function readUnpublished(db: Database, olderThanMs: number, limit: number): Promise<UnpublishedResult[]> {
  const { rows } = await sql<UnpublishedResult>`
    select result_id, results.run_id, results.request_id, results.site_id, completed_at, traceparent, failure_code
    from results join runs on runs.run_id = results.run_id join events on events.request_id = results.request_id
    where published_at is null and completed_at <= now() - ${olderThanMs} * interval '1 millisecond'
    order by completed_at limit ${limit}
  `.execute(db);
  return rows;
}

/** Notes that RESULTS holds these results. */
export async function markPublished(db: Database, resultIds: readonly string[]): Promise<void> {
  await db
    .updateTable('results')
    .set({ published_at: sql<Date>`now()` })
    .where('result_id', 'in', resultIds)
    .where('published_at', 'is', null)
    .execute();
}
