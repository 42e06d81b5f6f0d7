import type { SiteDirectory } from '@pressferry/sites';
import { type Claim, claimDeliveries, findDueSites, releaseClaim, renewLeases } from '../db/claim.ts';
import { holdDeliveries } from '../db/hold.ts';
import { startLoop } from '../loops/wake.ts';
import type { Metrics } from '../metrics.ts';
import { type AttemptDeps, attemptDelivery } from './attempt.ts';
import { isPushable } from './pushable.ts';
import { type Share, shareOut } from './share.ts';

export interface WorkerDeps extends AttemptDeps {
  directory: Pick<SiteDirectory, 'find' | 'isReady'>;
  metrics: Metrics;
  concurrency: number;
  siteConcurrency: number;
  pollIntervalMs: number;
  /** How long attempts in hand may go on once the worker is disposed; then they are broken off and given back. */
  drainMs: number;
  /** Aborted when no more is to be claimed. */
  stopping: AbortSignal;
  onInterruption: (error: unknown) => void;
}

/** Claims due deliveries and attempts them until it is disposed. */
export interface Worker extends AsyncDisposable {
  /** Looks for due deliveries now. */
  kick: () => void;
  inHand: () => number;
}

/** The parts of all slots that failing sites are sure of, and that they can take at most. */
const LEAST_FOR_FAILING = 1 / 8;
const MOST_FOR_FAILING = 1 / 2;

/** Starts the worker. Its bounds hold in this process; the leases keep replicas from claiming the same delivery. */
export function startWorker(deps: WorkerDeps): Worker {
  const { db, gate, directory, breaker, owner, leaseMs } = deps;
  const inHand = new Map<string, { siteId: string; done: Promise<void> }>();
  const breakOff = new AbortController();

  const sharesOf = (sites: readonly string[]): Share[] => {
    const begun = new Map<string, number>();
    let failingInHand = 0;
    for (const { siteId } of inHand.values()) {
      begun.set(siteId, (begun.get(siteId) ?? 0) + 1);
      if (breaker.isFailing(siteId)) failingInHand++;
    }
    const nowMs = deps.now();
    const candidates = shuffled(sites, deps.random).map((siteId) => {
      const allowance = breaker.allowance(siteId, begun.get(siteId) ?? 0, deps.siteConcurrency, nowMs);
      return { siteId, allowance, isFailing: breaker.isFailing(siteId) };
    });
    const forFailing = {
      least: Math.max(0, Math.ceil(deps.concurrency * LEAST_FOR_FAILING) - failingInHand),
      most: Math.max(0, Math.ceil(deps.concurrency * MOST_FOR_FAILING) - failingInHand),
    };
    return shareOut(candidates, deps.concurrency - inHand.size, forFailing);
  };

  const begin = (claim: Claim): void => {
    const done = attempt(claim).finally(() => {
      inHand.delete(claim.resultId);
      loop.kick();
    });
    inHand.set(claim.resultId, { siteId: claim.siteId, done });
  };

  const attempt = async (claim: Claim): Promise<void> => {
    const site = directory.find(claim.siteId);
    try {
      // Paused since the claim: the next round holds it.
      if (!isPushable(site)) return await releaseClaim(db, claim.resultId, owner);
      await attemptDelivery(claim, site, breakOff.signal, deps);
    } catch (error) {
      deps.onInterruption(error);
    }
  };

  const round = async (): Promise<void> => {
    await gate.untilUp(deps.stopping);
    if (deps.stopping.aborted || !directory.isReady() || inHand.size >= deps.concurrency) return;
    const sites = await findDueSites(db);
    const pushable = sites.filter((siteId) => isPushable(directory.find(siteId)));
    const idle = sites.filter((siteId) => !isPushable(directory.find(siteId)));
    if (idle.length > 0) deps.metrics.deliveries('held', await holdDeliveries(db, idle));
    const shares = sharesOf(pushable);
    if (shares.length > 0) for (const claim of await claimDeliveries(db, shares, { owner, leaseMs })) begin(claim);
  };

  const loop = startLoop(
    async () => {
      try {
        await round();
      } catch (error) {
        gate.suspect();
        throw error;
      }
    },
    () => deps.pollIntervalMs,
    deps.onInterruption,
  );
  const renewal = setInterval(() => {
    if (inHand.size > 0) void renewLeases(db, [...inHand.keys()], { owner, leaseMs }).catch(deps.onInterruption);
  }, leaseMs / 3);

  return {
    kick: loop.kick,
    inHand: () => inHand.size,
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
      const timer = setTimeout(() => breakOff.abort(), deps.drainMs);
      await Promise.all([...inHand.values()].map(({ done }) => done));
      clearTimeout(timer);
      clearInterval(renewal);
    },
  };
}

/** In a random order, so that over the rounds no site comes first more often than another. */
function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
