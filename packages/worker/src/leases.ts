/** A lease on one piece of work, renewed until it is let go of. */
export interface Lease {
  /** False once the lease may have ended, also after a pause of the whole process: nothing may be begun under it then. */
  isHeld: () => boolean;
  /** Aborted once the work is known to be somebody else's. */
  lost: AbortSignal;
  /** Ends the renewals; the work is settled or given back. */
  letGo: () => void;
}

/** Renews the leases of the work in flight. */
export interface LeaseKeeper<T> extends AsyncDisposable {
  /** Begins to renew a lease that was taken by a statement sent at `takenAtMs` of `performance.now()`. */
  keep: (work: T, takenAtMs: number) => Lease;
  /** Renews at once if a renewal is overdue: what is in flight must not be claimed a second time once the database is back. */
  refresh: () => Promise<void>;
}

export interface LeaseKeeperOptions<T> {
  leaseMs: number;
  /** Renews leases for another `leaseMs`; resolves to the work that is still ours. On a connection that no load keeps from it. */
  renew: (work: readonly T[]) => Promise<ReadonlySet<T>>;
  onError: (error: unknown) => void;
}

interface Kept {
  endsAtMs: number;
  lose: AbortController;
}

const RENEWALS_IN_A_LEASE = 3;

/** Renews three times in a lease's length. */
export function createLeaseKeeper<T>({ leaseMs, renew, onError }: LeaseKeeperOptions<T>): LeaseKeeper<T> {
  const kept = new Map<T, Kept>();
  let renewedAtMs = performance.now();
  const renewAll = async (): Promise<void> => {
    const begunAtMs = performance.now();
    const before = [...kept.keys()];
    const ours = before.length === 0 ? new Set<T>() : await renew(before);
    for (const work of before) {
      const entry = kept.get(work);
      if (entry === undefined) continue;
      if (ours.has(work)) entry.endsAtMs = begunAtMs + leaseMs;
      else entry.lose.abort();
    }
    renewedAtMs = begunAtMs;
  };
  let renewing: Promise<void> | undefined;
  /** One renewal at a time: a slow one must not pile up others behind it. */
  const renewOnce = (): Promise<void> => {
    renewing ??= renewAll().finally(() => {
      renewing = undefined;
    });
    return renewing;
  };
  const timer = setInterval(() => void renewOnce().catch(onError), leaseMs / RENEWALS_IN_A_LEASE);
  return {
    keep: (work, takenAtMs) => {
      const entry: Kept = { endsAtMs: takenAtMs + leaseMs, lose: new AbortController() };
      kept.set(work, entry);
      return {
        isHeld: () => performance.now() < entry.endsAtMs && !entry.lose.signal.aborted,
        lost: entry.lose.signal,
        letGo: () => void kept.delete(work),
      };
    },
    refresh: async () => {
      if (performance.now() - renewedAtMs > leaseMs / 2) await renewOnce();
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await renewing?.catch(() => undefined);
    },
  };
}
