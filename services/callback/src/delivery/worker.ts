import { setTimeout as delay } from 'node:timers/promises';
import type { SiteDirectory } from '@pressferry/sites';
import { type Batcher, type DatabaseHealth, startLoop } from '@pressferry/worker';
import { releaseClaim } from '../db/claim.ts';
import type { AttemptRecord, Recorded } from '../db/record.ts';
import type { Metrics } from '../metrics.ts';
import { type AttemptDeps, attemptDelivery } from './attempt.ts';
import type { Endpoints } from './endpoints.ts';
import type { Standing } from './health.ts';
import type { Pace } from './pace.ts';
import { type Attempting, nextSlowInMs } from './plan.ts';
import { isPushable } from './pushable.ts';
import { type Claimed, claimDue, type RoundDeps, search } from './round.ts';

export interface WorkerDeps extends AttemptDeps, RoundDeps {
  directory: Pick<SiteDirectory, 'find' | 'isReady'>;
  endpoints: Endpoints;
  pace: Pace;
  metrics: Metrics;
  health: Pick<DatabaseHealth, 'suspect' | 'untilUp'>;
  records: Pick<Batcher<AttemptRecord, Recorded>, 'write' | 'untilFlowing'>;
  pollIntervalMs: number;
  /** The whole attempt; and the first attempt of a delivery at an endpoint that did not acknowledge last time. */
  attemptTimeoutMs: number;
  firstAttemptTimeoutMs: number;
  /** How long attempts in flight may go on once the worker is disposed; then they are broken off and given back. */
  drainMs: number;
  /** Aborted when no more is to be claimed. */
  stopping: AbortSignal;
  onInterruption: (error: unknown) => void;
}

/** Claims due deliveries and attempts them until it is disposed. */
export interface Worker extends AsyncDisposable {
  /** A result's message came: true once its delivery is claimed here, false if it is missing, not due, or left to another round. */
  announce: (siteId: string, resultId: string) => Promise<boolean>;
  /** The site has something due; without one, some site has. */
  kick: (siteId?: string) => void;
  inFlight: () => number;
}

/** The shortest time between two claims, so a flood is claimed in few of them; a lone delivery never waits for it. */
const CLAIM_GAP_MS = 5;

/** Starts the worker. Its bounds hold in this process; the leases keep replicas from claiming the same delivery. */
export function startWorker(deps: WorkerDeps): Worker {
  const { agenda, db, health, directory, endpoints, owner, plan } = deps;
  const inFlight = new Map<string, Attempting & { done: Promise<void> }>();
  const breakOff = new AbortController();
  let searchedAtMs = Number.NEGATIVE_INFINITY;
  let searchAfter = '';
  let claimedAtMs = Number.NEGATIVE_INFINITY;

  const inFlightOf = (siteId: string): number => {
    let count = 0;
    for (const attempting of inFlight.values()) if (attempting.siteId === siteId) count++;
    return count;
  };
  const begin = (claimed: Claimed): void => {
    const { resultId, siteId } = claimed.claim;
    // Its lease ran out in an outage, and what came of its attempt is not stored yet.
    if (inFlight.has(resultId)) return;
    const site = directory.find(siteId);
    const standing = isPushable(site) ? endpoints.standing(site) : 'unproven';
    const begunAtMs = performance.now();
    const done = attempt(claimed, standing).finally(() => {
      inFlight.delete(resultId);
      claimed.lease.letGo();
      if (agenda.isOpen()) loop.kick();
    });
    inFlight.set(resultId, { siteId, isProven: standing === 'proven', begunAtMs, done });
  };

  const attempt = async ({ claim }: Claimed, standing: Standing): Promise<void> => {
    const site = directory.find(claim.siteId);
    try {
      // Paused since the claim: the next search holds it.
      if (!isPushable(site)) return await releaseClaim(db, claim.resultId, owner);
      const isFirst = claim.attempt === 1 && standing !== 'proven';
      const timeoutMs = isFirst ? Math.min(deps.attemptTimeoutMs, deps.firstAttemptTimeoutMs) : deps.attemptTimeoutMs;
      const how = { signal: breakOff.signal, timeoutMs, isProbe: standing === 'open', inFlightOf };
      await attemptDelivery(claim, site, how, deps);
    } catch (error) {
      deps.onInterruption(error);
    }
  };

  const round = async (): Promise<void> => {
    await health.untilUp(deps.stopping);
    // What came of attempts is stored before others are begun: their leases would run out unheard.
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
    for (const claimed of await claimDue([...inFlight.values()], deps)) begin(claimed);
  };

  /** Until the next search; or until an attempt turns slow and leaves its slot, if someone waits for one. */
  const intervalMs = (): number => {
    const elapsedMs = performance.now();
    const searchInMs = Math.max(0, searchedAtMs + deps.pollIntervalMs - elapsedMs);
    const slowInMs = agenda.isOpen() ? nextSlowInMs(inFlight.values(), elapsedMs, plan.slowMs) : undefined;
    return Math.min(searchInMs, slowInMs ?? searchInMs);
  };
  const loop = startLoop(
    async () => {
      try {
        await round();
      } catch (error) {
        health.suspect();
        throw error;
      }
    },
    { intervalMs, onInterruption: deps.onInterruption },
  );

  return {
    announce: (siteId, resultId) => {
      if (deps.stopping.aborted) return Promise.resolve(false);
      const answer = agenda.announce(siteId, resultId);
      loop.kick();
      return answer;
    },
    kick: (siteId) => {
      if (siteId === undefined) searchedAtMs = Number.NEGATIVE_INFINITY;
      else agenda.add([siteId]);
      loop.kick();
    },
    inFlight: () => inFlight.size,
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
      agenda.begin().answer(new Set());
      const timer = setTimeout(() => breakOff.abort(), deps.drainMs);
      await Promise.all([...inFlight.values()].map(({ done }) => done));
      clearTimeout(timer);
    },
  };
}
