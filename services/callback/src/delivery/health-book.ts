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
  /**
   * The changes to write, by site; each is taken once. Without `nowMs` all; else no more than one in `SPACING_MS` of an
   * endpoint that now fails and now answers.
   */
  takeChanges: (nowMs?: number) => Map<string, Health>;
  /** Restores changes that could not be written, unless they changed again meanwhile. */
  returnChanges: (changes: ReadonlyMap<string, Health>) => void;
}

/** How long an endpoint's health is believed before Postgres is asked again. */
const FRESH_MS = 2_000;
/** Others would not read it sooner, and each write leaves a row version that an old transaction keeps. */
const SPACING_MS = FRESH_MS;

export function openHealthBook(settings: BreakerSettings): HealthBook {
  const known = new Map<string, Health>();
  const heardAtMs = new Map<string, number>();
  const unwritten = openUnwritten(settings);

  const change = (siteId: string, health: Health): void => {
    known.set(siteId, health);
    unwritten.add(siteId);
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
      for (const [siteId, health] of rows) if (!unwritten.has(siteId)) known.set(siteId, health);
    },
    probed: (siteId, nextProbeAtMs) => {
      const health = known.get(siteId);
      if (health !== undefined) known.set(siteId, { ...health, nextProbeAtMs });
    },
    openSites: () =>
      [...known].flatMap(([siteId, health]) => (standingOf(health, settings) === 'open' ? [siteId] : [])),
    takeChanges: (nowMs = Number.POSITIVE_INFINITY) => unwritten.take(known, nowMs),
    returnChanges: (changes) => {
      for (const siteId of changes.keys()) unwritten.add(siteId, true);
    },
  };
}

/** The sites whose health changed since it was written. */
function openUnwritten(settings: BreakerSettings) {
  let changed = new Set<string>();
  const taken = new Map<string, { health: Health; atMs: number }>();
  /** Probes, and what stops or moves an endpoint. */
  const isUrgent = (before: Health, now: Health): boolean =>
    [before, now].some((health) => standingOf(health, settings) === 'open') ||
    (before.goneSinceMs === null) !== (now.goneSinceMs === null) ||
    before.callbackUrl !== now.callbackUrl;
  return {
    has: (siteId: string): boolean => changed.has(siteId),
    add: (siteId: string, isAgain = false): void => {
      changed.add(siteId);
      if (isAgain) taken.delete(siteId);
    },
    take: (known: ReadonlyMap<string, Health>, nowMs: number): Map<string, Health> => {
      const changes = new Map<string, Health>();
      const waiting = new Set<string>();
      for (const siteId of changed) {
        const health = known.get(siteId);
        const last = taken.get(siteId);
        if (health === undefined) continue;
        if (last !== undefined && nowMs - last.atMs < SPACING_MS && !isUrgent(last.health, health)) waiting.add(siteId);
        else changes.set(siteId, health);
      }
      for (const [siteId, health] of changes) taken.set(siteId, { health, atMs: nowMs });
      changed = waiting;
      return changes;
    },
  };
}
