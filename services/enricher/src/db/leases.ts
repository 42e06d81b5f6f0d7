import type { Database } from '@pressferry/database';
import { sql } from 'kysely';
import type { ClaimedRun } from './claim-runs.ts';

/** Renews for another `leaseMs`; returns the runs that this process still holds. */
export async function renewLeases<T extends Pick<ClaimedRun, 'run_id' | 'lease_owner'>>(
  db: Database,
  runs: readonly T[],
  leaseMs: number,
): Promise<Set<T>> {
  const held = JSON.stringify(runs.map(({ run_id, lease_owner }) => ({ run_id, lease_owner })));
  const { rows } = await sql<{ run_id: string; lease_owner: string }>`/* renew_leases */
    update open_runs set lease_until = now() + ${leaseMs} * interval '1 millisecond'
    from jsonb_to_recordset(${held}::jsonb) as held (run_id uuid, lease_owner text)
    where open_runs.run_id = any(${runs.map(({ run_id }) => run_id)}::uuid[])
      and open_runs.run_id = held.run_id and open_runs.lease_owner = held.lease_owner
    returning open_runs.run_id, open_runs.lease_owner
  `.execute(db);
  const ours = new Set(rows.map(({ run_id, lease_owner }) => `${run_id} ${lease_owner}`));
  return new Set(runs.filter(({ run_id, lease_owner }) => ours.has(`${run_id} ${lease_owner}`)));
}
