import type { Health } from '../model.ts';
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
import type { PushableSite } from './pushable.ts';

type Endpoint = Pick<PushableSite, 'siteId' | 'callbackUrl'>;

/** The health of every endpoint that this process has met, as Postgres knows it and as attempts change it. */
export interface Endpoints {
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
  /** True while the health of a site's endpoint was seen or read a moment ago. */
  isFresh: (siteId: string, nowMs: number) => boolean;
  /** Takes over what Postgres knows of these sites, except for changes made here that are not written yet. */
  learn: (siteIds: readonly string[], rows: ReadonlyMap<string, Health>, nowMs: number) => void;
  /** A probe of it was begun, here or elsewhere. */
  probed: (siteId: string, nextProbeAtMs: number) => void;
  openSites: () => string[];
  /** The changes to write, by site; each is taken once. */
  takeChanges: () => Map<string, Health>;
  /** Puts changes back that could not be written; what changed again meanwhile stays. */
  returnChanges: (changes: ReadonlyMap<string, Health>) => void;
}

export interface EndpointSettings extends BreakerSettings {
  /** For how long unsigned 410s must be seen before they hold pushes. */
  goneHoldMs: number;
}

/** How long an endpoint's health is believed, before Postgres is asked what other replicas saw since. */
const FRESH_MS = 2_000;
/** So often at least the time of the last acknowledgement is written. */
const REFRESH_MS = 3_600_000;

export function createEndpoints(settings: EndpointSettings, fleet: FleetWatch, random: () => number): Endpoints {
  const known = new Map<string, Health>();
  let changed = new Set<string>();
  const heardAtMs = new Map<string, number>();
  /** Proven endpoints that failed while the fault was likely ours: they get few slots, and nothing is held against them. */
  const doubted = new Set<string>();

  const healthOf = ({ siteId, callbackUrl }: Endpoint): Health => {
    const health = known.get(siteId);
    return health?.callbackUrl === callbackUrl ? health : unknownHealth(callbackUrl);
  };
  const change = (siteId: string, health: Health): void => {
    known.set(siteId, health);
    changed.add(siteId);
  };
  const recorded = (endpoint: Endpoint): Standing => standingOf(healthOf(endpoint), settings);
  const standing = (endpoint: Endpoint): Standing => (doubted.has(endpoint.siteId) ? 'failing' : recorded(endpoint));
  /** Failures counted within the window are taken back. An open breaker stays open: it took longer to open. */
  const forgive = (siteIds: readonly string[]): void => {
    for (const siteId of siteIds) {
      const health = known.get(siteId);
      if (health === undefined || standingOf(health, settings) !== 'failing' || health.lastSuccessAtMs === null)
        continue;
      change(siteId, { ...health, straightFailures: 0, probePauseMs: null, nextProbeAtMs: null });
    }
  };

  return {
    standing,
    isResting: (endpoint, nowMs) => standing(endpoint) === 'open' && nowMs < (healthOf(endpoint).nextProbeAtMs ?? 0),
    succeeded: (endpoint, nowMs) => {
      const before = healthOf(endpoint);
      const stood = recorded(endpoint);
      heardAtMs.set(endpoint.siteId, nowMs);
      fleet.succeeded(endpoint.siteId, nowMs);
      doubted.delete(endpoint.siteId);
      const isNews = stood !== 'proven' || before.goneSinceMs !== null;
      if (isNews || nowMs - (before.lastSuccessAtMs ?? 0) > REFRESH_MS)
        change(endpoint.siteId, afterSuccess(before, nowMs));
      return stood === 'open';
    },
    failed: (endpoint, failure) => {
      if (recorded(endpoint) === 'proven') fleet.failed(endpoint.siteId, failure.nowMs);
      if (fleet.isSuspect(failure.nowMs)) {
        const siteIds = [...fleet.recent(failure.nowMs).failed, endpoint.siteId];
        forgive(siteIds);
        for (const siteId of siteIds) doubted.add(siteId);
        return;
      }
      doubted.delete(endpoint.siteId);
      change(endpoint.siteId, afterFailure(healthOf(endpoint), failure, settings, random));
    },
    saidGone: (endpoint, nowMs) => {
      const before = healthOf(endpoint);
      if (isGoneFor(before, nowMs, settings.goneHoldMs)) return true;
      if (before.goneSinceMs === null) change(endpoint.siteId, afterUnsignedGone(before, nowMs));
      return false;
    },
    stopped: ({ siteId, callbackUrl }) => change(siteId, unknownHealth(callbackUrl)),
    isFresh: (siteId, nowMs) => nowMs - (heardAtMs.get(siteId) ?? Number.NEGATIVE_INFINITY) < FRESH_MS,
    learn: (siteIds, rows, nowMs) => {
      for (const siteId of siteIds) heardAtMs.set(siteId, nowMs);
      for (const [siteId, health] of rows) if (!changed.has(siteId)) known.set(siteId, health);
    },
    probed: (siteId, nextProbeAtMs) => {
      const health = known.get(siteId);
      if (health !== undefined) known.set(siteId, { ...health, nextProbeAtMs });
    },
    openSites: () =>
      [...known].flatMap(([siteId, health]) => (standingOf(health, settings) === 'open' ? [siteId] : [])),
    takeChanges: () => {
      const taken = new Map([...changed].flatMap((siteId) => mapEntry(siteId, known.get(siteId))));
      changed = new Set();
      return taken;
    },
    returnChanges: (changes) => {
      for (const siteId of changes.keys()) changed.add(siteId);
    },
  };
}

const mapEntry = (siteId: string, health: Health | undefined): [string, Health][] =>
  health === undefined ? [] : [[siteId, health]];
