import type { Database } from '@pressferry/database';
import { sql } from 'kysely';
import type { ClaimedRun } from './claim-runs.ts';

/** Renews the leases of the runs in hand for another `leaseMs`; a run that is no longer ours stays as it is. */
export async function renewLeases(
  db: Database,
  runs: readonly Pick<ClaimedRun, 'run_id' | 'lease_owner'>[],
  leaseMs: number,
): Promise<void> {
  if (runs.length === 0) return;
  await sql`
    update runs set lease_until = now() + ${leaseMs} * interval '1 millisecond',
      due_at = now() + ${leaseMs} * interval '1 millisecond'
    from jsonb_to_recordset(${JSON.stringify(runs.map(({ run_id, lease_owner }) => ({ run_id, lease_owner })))}::jsonb)
      as held (run_id uuid, lease_owner text)
    where runs.run_id = held.run_id and runs.lease_owner = held.lease_owner and runs.status = 'running'
  `.execute(db);
}
