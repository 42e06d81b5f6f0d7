import type { SiteDirectory } from '@pressferry/sites';
import { releaseClaim } from '../db/claim.ts';
import { type AttemptDeps, attemptDelivery } from './attempt.ts';
import type { Endpoints } from './endpoints.ts';
import type { Standing } from './health.ts';
import type { Attempting } from './plan.ts';
import { isPushable } from './pushable.ts';
import type { Claimed } from './round.ts';

export interface AttemptsDeps extends AttemptDeps {
  directory: Pick<SiteDirectory, 'find'>;
  endpoints: Endpoints;
  /** The second is for the first attempt of a delivery at an endpoint whose last attempt was not acknowledged. */
  attemptTimeoutMs: number;
  firstAttemptTimeoutMs: number;
  /** Aborted when attempts must be given back. */
  breakingOff: AbortSignal;
  onInterruption: (error: unknown) => void;
}

export interface Attempts {
  /** Attempts a claimed delivery, then lets its lease go. Does nothing if it is in flight already. */
  begin: (claimed: Claimed) => void;
  inFlight: () => readonly Attempting[];
  /** Resolves once none is left. */
  drain: () => Promise<void>;
}

/** Calls `onEnd` after each attempt, when its slot is free. */
export function openAttempts(deps: AttemptsDeps, onEnd: () => void): Attempts {
  const inFlight = new Map<string, Attempting & { done: Promise<void> }>();

  const inFlightOf = (siteId: string): number => {
    let count = 0;
    for (const attempting of inFlight.values()) if (attempting.siteId === siteId) count++;
    return count;
  };
  return {
    begin: (claimed) => {
      const { resultId, siteId } = claimed.claim;
      // The lease ran out in an outage before its outcome was stored.
      if (inFlight.has(resultId)) return;
      const site = deps.directory.find(siteId);
      const standing = isPushable(site) ? deps.endpoints.standing(site) : 'unproven';
      const begunAtMs = performance.now();
      const done = attempt(claimed, { standing, signal: deps.breakingOff, inFlightOf }, deps).finally(() => {
        inFlight.delete(resultId);
        claimed.lease.letGo();
        onEnd();
      });
      inFlight.set(resultId, { siteId, isProven: standing === 'proven', begunAtMs, done });
    },
    inFlight: () => [...inFlight.values()],
    drain: async () => {
      await Promise.all([...inFlight.values()].map(({ done }) => done));
    },
  };
}

interface Circumstances {
  standing: Standing;
  signal: AbortSignal;
  inFlightOf: (siteId: string) => number;
}

async function attempt(
  { claim, lease }: Claimed,
  { standing, signal, inFlightOf }: Circumstances,
  deps: AttemptsDeps,
): Promise<void> {
  const site = deps.directory.find(claim.siteId);
  try {
    // Paused since the claim: the next search holds it. Or the claim took so long that another worker may have it.
    if (!isPushable(site) || !lease.isHeld()) return await releaseClaim(deps.db, claim.resultId, deps.owner);
    const isFirst = claim.attempt === 1 && standing !== 'proven';
    const timeoutMs = isFirst ? Math.min(deps.attemptTimeoutMs, deps.firstAttemptTimeoutMs) : deps.attemptTimeoutMs;
    await attemptDelivery(claim, site, { signal, timeoutMs, isProbe: standing === 'open', inFlightOf }, deps);
  } catch (error) {
    deps.onInterruption(error);
  }
}
