/** When a site counts as failing, and how it is probed then. */
export interface BreakerSettings {
  /** Straight failures that open it. */
  failures: number;
  /** The pause between probes, doubled from the first to the second. */
  probeMinMs: number;
  probeMaxMs: number;
}

interface Failing {
  straightFailures: number;
  probePauseMs: number;
  nextProbeAtMs: number;
}

/** Slows the attempts of sites that fail, and of no other. Known to this process only: each replica learns by itself. */
export interface Breaker {
  /** How many more attempts may begin for a site that has `inHand` of them and may have `limit`. */
  allowance: (siteId: string, inHand: number, limit: number, nowMs: number) => number;
  /** True from a site's first failure to its next success. */
  isFailing: (siteId: string) => boolean;
  /** True while the site is only probed. */
  isOpen: (siteId: string) => boolean;
  /** The site answered as itself. True where that ends a time of failing. */
  succeeded: (siteId: string) => boolean;
  /** The site failed as a whole. */
  failed: (siteId: string, nowMs: number) => void;
  /** The sites that are only probed. */
  openSites: () => string[];
}

/**
 * Makes a breaker with every site in order. A site that failed gets one attempt at a time; after some straight failures there is a
 * pause between them too, ±20 % by `random`.
 */
export function createBreaker(settings: BreakerSettings, random: () => number): Breaker {
  const failing = new Map<string, Failing>();
  const isOpen = (siteId: string): boolean => (failing.get(siteId)?.straightFailures ?? 0) >= settings.failures;
  const probeAfter = (probePauseMs: number, straightFailures: number, nowMs: number): Failing => {
    return { straightFailures, probePauseMs, nextProbeAtMs: nowMs + probePauseMs * (0.8 + 0.4 * random()) };
  };
  return {
    isFailing: (siteId) => failing.has(siteId),
    isOpen,
    allowance: (siteId, inHand, limit, nowMs) => {
      if (!failing.has(siteId)) return Math.max(0, limit - inHand);
      const isResting = isOpen(siteId) && nowMs < (failing.get(siteId)?.nextProbeAtMs ?? 0);
      return inHand === 0 && !isResting ? 1 : 0;
    },
    succeeded: (siteId) => {
      const wasOpen = isOpen(siteId);
      failing.delete(siteId);
      return wasOpen;
    },
    failed: (siteId, nowMs) => {
      const before = failing.get(siteId);
      const straightFailures = (before?.straightFailures ?? 0) + 1;
      if (before === undefined || before.straightFailures < settings.failures) {
        failing.set(siteId, probeAfter(settings.probeMinMs, straightFailures, nowMs));
      } else if (nowMs >= before.nextProbeAtMs) {
        failing.set(
          siteId,
          probeAfter(Math.min(before.probePauseMs * 2, settings.probeMaxMs), straightFailures, nowMs),
        );
      }
      // Else an attempt that began before the breaker opened: no probe failed, so the pause does not grow.
    },
    openSites: () => [...failing.keys()].filter(isOpen),
  };
}
