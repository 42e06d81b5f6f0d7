import { createCalm } from './calm.ts';

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
  /**
   * Until when a claim may take over work whose lease has ended, by the clock of Postgres when it begins the statement;
   * null if none may now.
   */
  takeOverUntil: () => Date | null;
}

export interface Renewal<T> {
  /** The work that is still held. */
  held: ReadonlySet<T>;
  /** The clock of Postgres when it began the statement, in ms. */
  postgresMs: number;
}

export interface LeaseKeeperOptions<T> {
  leaseMs: number;
  /** Renews for another `leaseMs`; also asked without work. Needs a connection that no load delays. */
  renew: (work: readonly T[]) => Promise<Renewal<T>>;
  /** Leases could not be renewed. */
  onError: (error: unknown) => void;
}

interface Kept {
  endsAtMs: number;
  lose: AbortController;
}

const RENEWALS_IN_A_LEASE = 3;

/** Renews three times per lease, and tries as often without work, so it sees what would keep others from renewing. */
export function createLeaseKeeper<T>({ leaseMs, renew, onError }: LeaseKeeperOptions<T>): LeaseKeeper<T> {
  const kept = new Map<T, Kept>();
  const calm = createCalm(leaseMs);
  let renewedAtMs = performance.now();
  const renewAll = async (): Promise<void> => {
    const sentAtMs = performance.now();
    const before = [...kept.keys()];
    const { held, postgresMs } = await renew(before);
    calm.heard({ sentAtMs, answeredAtMs: performance.now(), postgresMs });
    for (const work of before) {
      const entry = kept.get(work);
      if (entry === undefined) continue;
      if (held.has(work)) entry.endsAtMs = sentAtMs + leaseMs;
      else entry.lose.abort();
    }
    renewedAtMs = sentAtMs;
  };
  let renewing: Promise<void> | undefined;
  /** One renewal at a time, so a slow one does not pile up others. */
  const renewOnce = (): Promise<void> => {
    renewing ??= renewAll()
      .catch((error) => {
        calm.failed();
        throw error;
      })
      .finally(() => {
        renewing = undefined;
      });
    return renewing;
  };
  const renewInTime = (): void =>
    void renewOnce().catch((error) => {
      if (kept.size > 0) onError(error);
    });
  renewInTime();
  const timer = setInterval(renewInTime, leaseMs / RENEWALS_IN_A_LEASE);
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
    takeOverUntil: () => {
      const untilMs = calm.takeOverUntilMs(performance.now());
      return untilMs === null ? null : new Date(untilMs);
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await renewing?.catch(() => undefined);
    },
  };
}
