import type { Health } from '../model.ts';
import { type BreakerSettings, standingOf, unknownHealth } from './health.ts';
import type { PushableSite } from './pushable.ts';

/** The endpoints' health in this process, and which changes Postgres does not hold yet. */
export interface HealthBook {
  /** Unknown if the endpoint was not met or its address changed. */
  of: (endpoint: Pick<PushableSite, 'siteId' | 'callbackUrl'>) => Health;
  change: (siteId: string, health: Health) => void;
  /** Takes back failures counted within the window. An open breaker stays open, because it took longer to open. */
  forgive: (siteIds: readonly string[]) => void;
  heard: (siteIds: readonly string[], nowMs: number) => void;
  isFresh: (siteId: string, nowMs: number) => boolean;
  /** Takes over Postgres' rows, except for sites with unwritten changes. */
  learn: (siteIds: readonly string[], rows: ReadonlyMap<string, Health>, nowMs: number) => void;
  /** A probe began, here or in another replica. */
  probed: (siteId: string, nextProbeAtMs: number) => void;
  openSites: () => string[];
  /** The changes to write, by site; each is taken once. */
  takeChanges: () => Map<string, Health>;
  /** Restores changes that could not be written, unless they changed again meanwhile. */
  returnChanges: (changes: ReadonlyMap<string, Health>) => void;
}

/** How long an endpoint's health is believed before Postgres is asked again. */
const FRESH_MS = 2_000;

export function openHealthBook(settings: BreakerSettings): HealthBook {
  const known = new Map<string, Health>();
  const heardAtMs = new Map<string, number>();
  let changed = new Set<string>();

  const change = (siteId: string, health: Health): void => {
    known.set(siteId, health);
    changed.add(siteId);
  };
  const heard = (siteIds: readonly string[], nowMs: number): void => {
    for (const siteId of siteIds) heardAtMs.set(siteId, nowMs);
  };
  return {
    of: ({ siteId, callbackUrl }) => {
      const health = known.get(siteId);
      return health?.callbackUrl === callbackUrl ? health : unknownHealth(callbackUrl);
    },
    change,
    forgive: (siteIds) => {
      for (const siteId of siteIds) {
        const health = known.get(siteId);
        if (health === undefined || standingOf(health, settings) !== 'failing' || health.lastSuccessAtMs === null)
          continue;
        change(siteId, { ...health, straightFailures: 0, probePauseMs: null, nextProbeAtMs: null });
      }
    },
    heard,
    isFresh: (siteId, nowMs) => nowMs - (heardAtMs.get(siteId) ?? Number.NEGATIVE_INFINITY) < FRESH_MS,
    learn: (siteIds, rows, nowMs) => {
      heard(siteIds, nowMs);
      for (const [siteId, health] of rows) if (!changed.has(siteId)) known.set(siteId, health);
    },
    probed: (siteId, nextProbeAtMs) => {
      const health = known.get(siteId);
      if (health !== undefined) known.set(siteId, { ...health, nextProbeAtMs });
    },
    openSites: () =>
      [...known].flatMap(([siteId, health]) => (standingOf(health, settings) === 'open' ? [siteId] : [])),
    takeChanges: () => {
      const taken = new Map<string, Health>();
      for (const siteId of changed) {
        const health = known.get(siteId);
        if (health !== undefined) taken.set(siteId, health);
      }
      changed = new Set();
      return taken;
    },
    returnChanges: (changes) => {
      for (const siteId of changes.keys()) changed.add(siteId);
    },
  };
}
