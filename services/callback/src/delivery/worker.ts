import type { SiteDirectory } from '@pressferry/sites';
import { type Batcher, type DatabaseHealth, type Lease, type LeaseKeeper, startLoop } from '@pressferry/worker';
import { type Claim, claimDeliveries, findDueSites, releaseClaim } from '../db/claim.ts';
import { readEndpoints, takeProbes } from '../db/endpoints.ts';
import { holdDeliveries } from '../db/hold.ts';
import type { AttemptRecord, Recorded } from '../db/record.ts';
import type { Metrics } from '../metrics.ts';
import { type AttemptDeps, attemptDelivery } from './attempt.ts';
import type { Endpoints } from './endpoints.ts';
import type { Pace } from './pace.ts';
import { type Attempting, nextSlowInMs, type PlanSettings, planShares } from './plan.ts';
import { isPushable, type PushableSite } from './pushable.ts';
import type { Share } from './share.ts';

export interface WorkerDeps extends AttemptDeps {
  directory: Pick<SiteDirectory, 'find' | 'isReady'>;
  endpoints: Endpoints;
  pace: Pace;
  metrics: Metrics;
  health: Pick<DatabaseHealth, 'suspect' | 'untilUp'>;
  records: Pick<Batcher<AttemptRecord, Recorded>, 'write' | 'untilFlowing'>;
  leases: LeaseKeeper<string>;
  leaseMs: number;
  plan: PlanSettings;
  /** Straight failures after which an endpoint is only probed. */
  breakerFailures: number;
  pollIntervalMs: number;
  /** The whole attempt; and the first attempt of a delivery at an endpoint that did not acknowledge last time. */
  attemptTimeoutMs: number;
  firstAttemptTimeoutMs: number;
  /** How long attempts in hand may go on once the worker is disposed; then they are broken off and given back. */
  drainMs: number;
  /** Aborted when no more is to be claimed. */
  stopping: AbortSignal;
  /** Writes what attempts changed of endpoints' health. */
  flushEndpoints: () => Promise<void>;
  onInterruption: (error: unknown) => void;
}

/** Claims due deliveries and attempts them until it is disposed. */
export interface Worker extends AsyncDisposable {
  /** Looks for due deliveries now. */
  kick: () => void;
  inHand: () => number;
}

/** What Postgres says of an endpoint is good for so long. */
const KNOWN_FOR_MS = 1_000;

/** Starts the worker. Its bounds hold in this process; the leases keep replicas from claiming the same delivery. */
export function startWorker(deps: WorkerDeps): Worker {
  const { db, health, records, leases, directory, endpoints, owner, leaseMs, plan } = deps;
  const inHand = new Map<string, Attempting & { done: Promise<void> }>();
  const breakOff = new AbortController();
  const learnedAtMs = new Map<string, number>();

  const begin = (claim: Claim, lease: Lease): void => {
    // Its lease ran out in an outage, and what came of its attempt is not stored yet.
    if (inHand.has(claim.resultId)) return;
    const begunAtMs = performance.now();
    const site = directory.find(claim.siteId);
    const standing = isPushable(site) ? endpoints.standing(site) : 'unproven';
    const done = attempt(claim, standing).finally(() => {
      inHand.delete(claim.resultId);
      lease.letGo();
      loop.kick();
    });
    inHand.set(claim.resultId, { siteId: claim.siteId, isProven: standing === 'proven', begunAtMs, done });
  };

  const attempt = async (claim: Claim, standing: ReturnType<typeof endpoints.standing>): Promise<void> => {
    const site = directory.find(claim.siteId);
    try {
      // Paused since the claim: the next round holds it.
      if (!isPushable(site)) return await releaseClaim(db, claim.resultId, owner);
      const isFirst = claim.attempt === 1 && standing !== 'proven';
      const timeoutMs = Math.min(
        deps.attemptTimeoutMs,
        isFirst ? deps.firstAttemptTimeoutMs : Number.POSITIVE_INFINITY,
      );
      const how = { signal: breakOff.signal, timeoutMs, isProbe: standing === 'open', inHandOf };
      await attemptDelivery(claim, site, how, deps);
    } catch (error) {
      deps.onInterruption(error);
    }
  };
  const inHandOf = (siteId: string): number => [...inHand.values()].filter((other) => other.siteId === siteId).length;

  const learn = async (siteIds: readonly string[]): Promise<void> => {
    const nowMs = deps.now();
    const stale = siteIds.filter((siteId) => nowMs - (learnedAtMs.get(siteId) ?? 0) > KNOWN_FOR_MS);
    if (stale.length === 0) return;
    endpoints.learn(await readEndpoints(db, stale, nowMs));
    for (const siteId of stale) learnedAtMs.set(siteId, nowMs);
  };

  /** Drops the open endpoints whose probe another replica makes. */
  const withProbes = async (shares: Share[], sites: ReadonlyMap<string, PushableSite>): Promise<Share[]> => {
    const isOpen = ({ siteId }: Share): boolean => {
      const site = sites.get(siteId);
      return site !== undefined && endpoints.standing(site) === 'open';
    };
    const open = shares.filter(isOpen).map(({ siteId }) => siteId);
    if (open.length === 0) return shares;
    // A breaker that just opened is not in Postgres yet.
    await deps.flushEndpoints();
    const probes = await takeProbes(db, open);
    for (const siteId of open) endpoints.probed(siteId, deps.now() + (probes.get(siteId) ?? KNOWN_FOR_MS));
    return shares.filter((share) => probes.has(share.siteId) || !open.includes(share.siteId));
  };

  const round = async (): Promise<void> => {
    await health.untilUp(deps.stopping);
    // What came of attempts is stored before others are begun: their leases would run out unheard.
    await records.untilFlowing(deps.stopping);
    if (deps.stopping.aborted || !directory.isReady() || inHand.size >= plan.slots.quick + plan.slots.slow) return;
    const due = await findDueSites(db, { failures: deps.breakerFailures });
    const sites = new Map<string, PushableSite>();
    for (const siteId of due) {
      const site = directory.find(siteId);
      if (isPushable(site)) sites.set(siteId, site);
    }
    const idle = due.filter((siteId) => !sites.has(siteId));
    if (idle.length > 0) deps.metrics.deliveries('held', await holdDeliveries(db, idle));
    await learn([...sites.keys()]);
    const clock = { nowMs: deps.now(), elapsedMs: performance.now() };
    const shares = await withProbes(planShares([...sites.values()], [...inHand.values()], clock, plan, deps), sites);
    if (shares.length === 0) return;
    await leases.refresh();
    const takenAtMs = performance.now();
    for (const claim of await claimDeliveries(db, shares, { owner, leaseMs })) {
      begin(claim, leases.keep(claim.resultId, takenAtMs));
    }
  };

  const intervalMs = (): number =>
    Math.min(deps.pollIntervalMs, nextSlowInMs(inHand.values(), performance.now(), plan.slowMs) ?? deps.pollIntervalMs);
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
    kick: loop.kick,
    inHand: () => inHand.size,
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
      const timer = setTimeout(() => breakOff.abort(), deps.drainMs);
      await Promise.all([...inHand.values()].map(({ done }) => done));
      clearTimeout(timer);
    },
  };
}
