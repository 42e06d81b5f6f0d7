export interface Lease {
  /** False once the lease may have ended, also after a pause of the whole process: begin nothing then. */
  isHeld: () => boolean;
  /** Aborted once another process holds the work. */
  lost: AbortSignal;
  letGo: () => void;
}

export interface LeaseKeeper<T> extends AsyncDisposable {
  /** `takenAtMs`: when the statement that took it was sent, by `performance.now()`. */
  keep: (work: T, takenAtMs: number) => Lease;
  /** Renews at once if overdue, so work in flight is not claimed a second time once the database is back. */
  refresh: () => Promise<void>;
}

export interface LeaseKeeperOptions<T> {
  leaseMs: number;
  /** Renews for another `leaseMs`; resolves to the work that is still held. Needs a connection that no load delays. */
  renew: (work: readonly T[]) => Promise<ReadonlySet<T>>;
  onError: (error: unknown) => void;
}

interface Kept {
  endsAtMs: number;
  lose: AbortController;
}

const RENEWALS_IN_A_LEASE = 3;

/** Renews three times per lease. */
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
  /** One renewal at a time, so a slow one does not pile up others. */
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
