import { type Database, openDatabase } from '@pressferry/database';
import { createLeaseKeeper, type LeaseKeeper, type LeaseKeeperOptions, type Renewal } from './leases.ts';

export interface OpenLeasesOptions<T> extends Omit<LeaseKeeperOptions<T>, 'renew'> {
  url: string;
  /** The service's name: `pressferry-<worker>-leases` is its connection's name. */
  worker: string;
  renew: (db: Database, work: readonly T[]) => Promise<Renewal<T>>;
}

/** A renewal that hangs leaves time for another within the lease. */
const TIMEOUTS_IN_A_LEASE = 4;
const SILENCES_IN_A_LEASE = 3;
/** A busy process reads an answer late. */
const LEAST_SILENCE_MS = 2_000;

/** Renews on its own connection, which no load on a pool delays. */
export function openLeases<T>(options: OpenLeasesOptions<T>): LeaseKeeper<T> {
  const { url, worker, leaseMs, renew, onError } = options;
  const db = openDatabase({
    url,
    applicationName: `pressferry-${worker}-leases`,
    poolSize: 1,
    statementTimeoutMs: Math.round(leaseMs / TIMEOUTS_IN_A_LEASE),
    replyWithinMs: Math.max(LEAST_SILENCE_MS, Math.round(leaseMs / SILENCES_IN_A_LEASE)),
    onError,
  });
  const keeper = createLeaseKeeper<T>({ leaseMs, renew: (work) => renew(db, work), onError });
  return {
    ...keeper,
    async [Symbol.asyncDispose]() {
      await keeper[Symbol.asyncDispose]();
      await db.destroy();
    },
  };
}
