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

/** The health of every endpoint that this process has met, as Postgres knows it and as attempts change it. */
export interface Endpoints
  extends Pick<HealthBook, 'isFresh' | 'learn' | 'probed' | 'openSites' | 'takeChanges' | 'returnChanges'> {
  standing: (endpoint: Endpoint) => Standing;
  /** True while an open endpoint waits for its next probe. */
  isResting: (endpoint: Endpoint, nowMs: number) => boolean;
  /** It acknowledged. True if that ends a time of being open. */
  succeeded: (endpoint: Endpoint, nowMs: number) => boolean;
  /** It failed as a whole. */
  failed: (endpoint: Endpoint, failure: { nowMs: number; isProbe: boolean }) => void;
  /** It answered 410 without a signature. True once that has been seen for so long that its pushes are to be held. */
  saidGone: (endpoint: Endpoint, nowMs: number) => boolean;
  /** The endpoint was stopped: its health until then says nothing about later. */
  stopped: (endpoint: Endpoint) => void;
}

export interface EndpointSettings extends BreakerSettings {
  /** For how long unsigned 410s must be seen before they hold pushes. */
  goneHoldMs: number;
}

/** So often at least the time of the last acknowledgement is written. */
const REFRESH_MS = 3_600_000;

export function createEndpoints(settings: EndpointSettings, fleet: FleetWatch, random: () => number): Endpoints {
  const book = openHealthBook(settings);
  /** Proven endpoints that failed while the fault was likely ours: they get few slots, and nothing is held against them. */
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
      if (isNews || nowMs - (before.lastSuccessAtMs ?? 0) > REFRESH_MS)
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
