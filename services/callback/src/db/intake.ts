import type { ResultMessage } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import { sql } from 'kysely';

/** What a result message made: a new delivery, one that was dead and begins anew, none because it was there, or none because the result is gone. */
export type Stored = 'stored' | 'revived' | 'duplicate' | 'erased';

/**
 * Makes a result's delivery, due now, or held. A message for a dead delivery begins it anew: so a dead letter is replayed by publishing
 * its message again.
 */
export async function storeDelivery(db: Database, result: ResultMessage, status: 'pending' | 'held'): Promise<Stored> {
  const { resultId, siteId } = result;
  const { rows } = await sql<{ is_new: boolean | null; has_result: boolean }>`
    with result as (
      select result_id, site_id from results where result_id = ${resultId} and site_id = ${siteId}
    ), delivery as (
      insert into deliveries (result_id, site_id, status) select result_id, site_id, ${status} from result
      on conflict (result_id) do update
        set status = excluded.status, due_at = now(), attempt_count = 0, failure_code = null, finished_at = null
        where deliveries.status = 'dead'
      returning xmax = 0 as is_new
    )
    select (select is_new from delivery) as is_new, exists (select from result) as has_result`.execute(db);
  const [row] = rows;
  if (!row?.has_result) return 'erased';
  if (row.is_new === null) return 'duplicate';
  return row.is_new ? 'stored' : 'revived';
}
