import type { FleetWatch } from './fleet.ts';
import {
  afterFailure,
  afterSuccess,
  afterUnsignedGone,
  type BreakerSettings,
  isGoneFor,
  type Standing,
  standingOf,
  unknownHealth,
} from './health.ts';
import { type HealthBook, openHealthBook } from './health-book.ts';
import type { PushableSite } from './pushable.ts';

type Endpoint = Pick<PushableSite, 'siteId' | 'callbackUrl'>;

/** The health of each endpoint that this process has met, from Postgres and from its own attempts. */
export interface Endpoints
  extends Pick<HealthBook, 'isFresh' | 'learn' | 'probed' | 'openSites' | 'takeChanges' | 'returnChanges'> {
  standing: (endpoint: Endpoint) => Standing;
  isResting: (endpoint: Endpoint, nowMs: number) => boolean;
  /** True if that closes an open breaker. */
  succeeded: (endpoint: Endpoint, nowMs: number) => boolean;
  failed: (endpoint: Endpoint, failure: { nowMs: number; isProbe: boolean }) => void;
  /** It answered 410 without a signature. True once that has been seen for `goneHoldMs`; `nowMs` is since the epoch. */
  saidGone: (endpoint: Endpoint, nowMs: number) => boolean;
  /** Forgets the endpoint's health. */
  stopped: (endpoint: Endpoint) => void;
}

export interface EndpointSettings extends BreakerSettings {
  goneHoldMs: number;
}

/** The longest time between two writes of the last acknowledgement. */
const REFRESH_MS = 3_600_000;

export function createEndpoints(settings: EndpointSettings, fleet: FleetWatch, random: () => number): Endpoints {
  const book = openHealthBook(settings);
  /** Proven endpoints that failed while the fault was likely ours: they get few slots and no failure is counted. */
  const doubted = new Set<string>();

  const recorded = (endpoint: Endpoint): Standing => standingOf(book.of(endpoint), settings);
  const standing = (endpoint: Endpoint): Standing => (doubted.has(endpoint.siteId) ? 'failing' : recorded(endpoint));

  return {
    standing,
    isResting: (endpoint, nowMs) => standing(endpoint) === 'open' && nowMs < (book.of(endpoint).nextProbeAtMs ?? 0),
    succeeded: (endpoint, nowMs) => {
      const before = book.of(endpoint);
      const stood = recorded(endpoint);
      book.heard([endpoint.siteId], nowMs);
      fleet.succeeded(endpoint.siteId, nowMs);
      doubted.delete(endpoint.siteId);
      const isNews = stood !== 'proven' || before.goneSinceMs !== null;
      if (isNews || nowMs - (before.lastSuccessAtMs ?? Number.NEGATIVE_INFINITY) > REFRESH_MS)
        book.change(endpoint.siteId, afterSuccess(before, nowMs));
      return stood === 'open';
    },
    failed: (endpoint, failure) => {
      if (recorded(endpoint) === 'proven') fleet.failed(endpoint.siteId, failure.nowMs);
      if (fleet.isSuspect(failure.nowMs)) {
        const siteIds = [...fleet.recent(failure.nowMs).failed, endpoint.siteId];
        book.forgive(siteIds);
        for (const siteId of siteIds) doubted.add(siteId);
        return;
      }
      doubted.delete(endpoint.siteId);
      book.change(endpoint.siteId, afterFailure(book.of(endpoint), failure, settings, random));
    },
    saidGone: (endpoint, nowMs) => {
      const before = book.of(endpoint);
      if (isGoneFor(before, nowMs, settings.goneHoldMs)) return true;
      if (before.goneSinceMs === null) book.change(endpoint.siteId, afterUnsignedGone(before, nowMs));
      return false;
    },
    stopped: ({ siteId, callbackUrl }) => book.change(siteId, unknownHealth(callbackUrl)),
    isFresh: book.isFresh,
    learn: book.learn,
    probed: book.probed,
    openSites: book.openSites,
    takeChanges: book.takeChanges,
    returnChanges: book.returnChanges,
  };
}
