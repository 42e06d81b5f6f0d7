import type { Database } from '@pressferry/database';
import { sql } from 'kysely';
import type { ClaimedRun } from './claim-runs.ts';

/** Renews for another `leaseMs`; returns the runs that this process still holds. */
export async function renewLeases<T extends Pick<ClaimedRun, 'run_id' | 'lease_owner'>>(
  db: Database,
  runs: readonly T[],
  leaseMs: number,
): Promise<Set<T>> {
  const ids = sql`${runs.map(({ run_id }) => run_id)}::uuid[]`;
  const { rows } = await sql<{ run_id: string; lease_owner: string }>`/* renew_leases */
    update open_runs set lease_until = now() + ${leaseMs} * interval '1 millisecond'
    where run_id = any(${ids})
      and ((run_id, lease_owner) in (select * from unnest(${ids}, ${runs.map(({ lease_owner }) => lease_owner)}::text[]))) is true
    returning run_id, lease_owner
  `.execute(db);
  const ours = new Set(rows.map(({ run_id, lease_owner }) => `${run_id} ${lease_owner}`));
  return new Set(runs.filter(({ run_id, lease_owner }) => ours.has(`${run_id} ${lease_owner}`)));
}
