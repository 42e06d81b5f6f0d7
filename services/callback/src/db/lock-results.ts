import { anyFiledAt, type Database } from '@pressferry/database';
import { sql } from 'kysely';

/**
 * Locks results until the transaction ends. No index spans open and ended deliveries, so a poll and the storing of a
 * missing delivery must take turns to see each other's work.
 */
export async function lockResults(
  db: Database,
  results: readonly { filed_at: string; result_id: string }[],
): Promise<void> {
  await sql`
    select /* lock_results */ from results
    where filed_at = ${anyFiledAt(results.map(({ filed_at }) => filed_at))}
      and result_id = any(${results.map(({ result_id }) => result_id)}::uuid[])
    order by result_id for no key update`.execute(db);
}
