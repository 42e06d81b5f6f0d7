import { setTimeout as delay } from 'node:timers/promises';
import type { SiteDirectory } from '@pressferry/sites';
import { type Batcher, type DatabaseHealth, startLoop } from '@pressferry/worker';
import type { AttemptRecord, Recorded } from '../db/record.ts';
import type { Metrics } from '../metrics.ts';
import { type Attempts, type AttemptsDeps, openAttempts } from './attempts.ts';
import type { Pace } from './pace.ts';
import { nextSlowInMs } from './plan.ts';
import { claimDue, type RoundDeps, search } from './round.ts';

export interface WorkerDeps extends AttemptsDeps, RoundDeps {
  directory: Pick<SiteDirectory, 'find' | 'isReady'>;
  pace: Pace;
  metrics: Metrics;
  health: Pick<DatabaseHealth, 'suspect' | 'untilUp'>;
  records: Pick<Batcher<AttemptRecord, Recorded>, 'write' | 'untilFlowing'>;
  pollIntervalMs: number;
  /** Aborted when no more is to be claimed. */
  stopping: AbortSignal;
}

export interface Worker extends AsyncDisposable {
  /** True once the delivery is claimed here; false if it is missing, not due, or left to another round. */
  announce: (siteId: string, resultId: string) => Promise<boolean>;
  /** Without a site: some site has something due. */
  kick: (siteId?: string) => void;
  inFlight: () => number;
}

/** Batches the claims of a flood; a lone delivery never waits for it. */
const CLAIM_GAP_MS = 5;

/** Its bounds hold per process; leases keep replicas from claiming the same delivery. */
export function startWorker(deps: WorkerDeps): Worker {
  const { agenda, health } = deps;
  const attempts = openAttempts(deps, () => {
    if (agenda.isOpen()) loop.kick();
  });
  const rounds = createRounds(deps, attempts);
  const loop = startLoop(
    async () => {
      try {
        await rounds.next();
      } catch (error) {
        health.suspect();
        throw error;
      }
    },
    { intervalMs: rounds.intervalMs, onInterruption: deps.onInterruption },
  );

  return {
    announce: (siteId, resultId) => {
      if (deps.stopping.aborted) return Promise.resolve(false);
      const answer = agenda.announce(siteId, resultId);
      loop.kick();
      return answer;
    },
    kick: (siteId) => {
      if (siteId === undefined) rounds.searchSoon();
      else agenda.add([siteId]);
      loop.kick();
    },
    inFlight: () => attempts.inFlight().length,
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
      agenda.begin().answer(new Set());
      await attempts.drain();
    },
  };
}

interface Rounds {
  next: () => Promise<void>;
  /** Until the next search, or until an attempt turns slow and frees its slot if another waits for one. */
  intervalMs: () => number;
  searchSoon: () => void;
}

/** One round searches if it is time, then claims due deliveries and begins their attempts. */
function createRounds(deps: WorkerDeps, attempts: Attempts): Rounds {
  const { agenda, directory, health } = deps;
  let searchedAtMs = Number.NEGATIVE_INFINITY;
  let searchAfter = '';
  let claimedAtMs = Number.NEGATIVE_INFINITY;
  return {
    next: async () => {
      await health.untilUp(deps.stopping);
      // Store outcomes before new attempts begin, else their leases could run out.
      await deps.records.untilFlowing(deps.stopping);
      const gapMs = claimedAtMs + CLAIM_GAP_MS - performance.now();
      if (gapMs > 0) await delay(gapMs);
      if (deps.stopping.aborted || !directory.isReady()) return agenda.begin().answer(new Set());
      if (performance.now() - searchedAtMs >= deps.pollIntervalMs) {
        searchAfter = await search(searchAfter, deps);
        searchedAtMs = performance.now();
      }
      if (!agenda.isOpen()) return;
      claimedAtMs = performance.now();
      for (const claimed of await claimDue(attempts.inFlight(), deps)) attempts.begin(claimed);
    },
    intervalMs: () => {
      const elapsedMs = performance.now();
      const searchInMs = Math.max(0, searchedAtMs + deps.pollIntervalMs - elapsedMs);
      const slowInMs = agenda.isOpen() ? nextSlowInMs(attempts.inFlight(), elapsedMs, deps.plan.slowMs) : undefined;
      return Math.min(searchInMs, slowInMs ?? searchInMs);
    },
    searchSoon: () => {
      searchedAtMs = Number.NEGATIVE_INFINITY;
    },
  };
}
