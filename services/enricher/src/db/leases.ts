import type { Database } from '@pressferry/database';
import type { Renewal } from '@pressferry/worker';
import { sql } from 'kysely';
import type { ClaimedRun } from './claim-runs.ts';

/** Renews for another `leaseMs` the runs that this process still holds. */
export async function renewLeases<T extends Pick<ClaimedRun, 'run_id' | 'lease_owner'>>(
  db: Database,
  runs: readonly T[],
  leaseMs: number,
): Promise<Renewal<T>> {
  const ids = sql`${runs.map(({ run_id }) => run_id)}::uuid[]`;
  const { rows } = await sql<{ postgres_ms: number; held: string[] }>`/* renew_leases */
    with renewed as (
      update open_runs set lease_until = now() + ${leaseMs} * interval '1 millisecond'
      where run_id = any(${ids})
        and ((run_id, lease_owner) in (select * from unnest(${ids}, ${runs.map(({ lease_owner }) => lease_owner)}::text[]))) is true
      returning run_id, lease_owner
    )
    select extract(epoch from now())::float8 * 1000 as postgres_ms,
      array(select run_id || ' ' || lease_owner from renewed) as held
  `.execute(db);
  const [{ postgres_ms: postgresMs, held } = { postgres_ms: 0, held: [] }] = rows;
  const ours = new Set(held);
  return {
    held: new Set(runs.filter(({ run_id, lease_owner }) => ours.has(`${run_id} ${lease_owner}`))),
    postgresMs,
  };
}
