import type { Database } from '@pressferry/database';
import type { ClaimedRun } from '../db/claim-runs.ts';
import { renewLeases } from '../db/leases.ts';

/** The runs that this process holds, their leases renewed for as long as it holds them. */
export interface InHand extends AsyncDisposable {
  add: (run: ClaimedRun) => void;
  remove: (run: ClaimedRun) => void;
  /** Renews first where a renewal is overdue: after an outage, runs in hand must not be claimed a second time. */
  refresh: () => Promise<void>;
}

/** Begins to renew the leases of what is added, three times in a lease's length. */
export function holdRuns(db: Database, leaseMs: number, onError: (error: unknown) => void): InHand {
  const runs = new Set<ClaimedRun>();
  let renewedAtMs = Date.now();
  const renew = async (): Promise<void> => {
    await renewLeases(db, [...runs], leaseMs);
    renewedAtMs = Date.now();
  };
  let renewing: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    renewing = renew().catch(onError);
  }, leaseMs / 3);
  return {
    add: (run) => void runs.add(run),
    remove: (run) => void runs.delete(run),
    refresh: async () => {
      if (Date.now() - renewedAtMs > leaseMs / 2) await renew();
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await renewing;
    },
  };
}
