import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

export interface Overdue {
  resultId: string;
  siteId: string;
  requestId: string;
  runId: string;
  completedAtMs: number;
  attempts: number;
}

const BATCH = 100;

/**
 * Ends a batch of sites' deliveries as dead, if they have been due for `overdueMs` and Postgres, too, knows of
 * `failures` in a row; returns how many. Calls
 * `publishDeliveryLetter` while the row is locked, and ends only those for which it returns true.
 */
export async function endOverdue(
  db: Database,
  overdue: { siteIds: readonly string[]; failures: number; overdueMs: number; failureCode: string },
  publishDeliveryLetter: (delivery: Overdue) => Promise<boolean>,
): Promise<number> {
  return db.transaction().execute(async (tx) => {
    const { rows } = await sql<{
      result_id: string;
      site_id: string;
      request_id: string;
      run_id: string;
      completed_at: Date;
      attempt_count: number;
    }>`
      select d.result_id, d.site_id, d.request_id, d.run_id, d.completed_at, d.attempt_count
      from open_deliveries d
      where d.site_id = any(array(
          select e.site_id from site_endpoints e join sites s on s.site_id = e.site_id and s.callback_url = e.callback_url
          where e.site_id = any(${overdue.siteIds}::text[]) and e.straight_failures >= ${overdue.failures}
        )) and d.status = 'pending'
        and d.due_at < now() - ${overdue.overdueMs}::bigint * interval '1 ms'
        and (d.lease_until is null or d.lease_until <= now())
      limit ${BATCH} for update of d skip locked`.execute(tx);
    const dead = await Promise.all(
      rows.map(async (row) => {
        const { result_id: resultId, site_id: siteId, request_id: requestId, run_id: runId } = row;
        const { completed_at, attempt_count: attempts } = row;
        const isKept = await publishDeliveryLetter({
          resultId,
          siteId,
          requestId,
          runId,
          completedAtMs: completed_at.getTime(),
          attempts,
        });
        return isKept ? [resultId] : [];
      }),
    );
    await sql`
      with ending as (delete from open_deliveries where result_id = any(${dead.flat()}::uuid[]) returning *)
      insert into past_deliveries (filed_at, result_id, site_id, status, attempt_count, failure_code, replays, last_traceparent,
        created_at, finished_at)
      select filed_at, result_id, site_id, 'dead', attempt_count, ${overdue.failureCode}, replays, last_traceparent, created_at, now() from ending
      on conflict do nothing`.execute(tx);
    return dead.flat().length;
  });
}
