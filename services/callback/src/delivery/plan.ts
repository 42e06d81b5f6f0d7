import type { Share } from '../model.ts';
import type { Endpoints } from './endpoints.ts';
import type { Pace } from './pace.ts';
import type { PushableSite } from './pushable.ts';
import { type Candidate, shareOut } from './share.ts';
import { countSlots, type InFlight, type SlotSettings } from './slots.ts';

export interface Attempting {
  siteId: string;
  isProven: boolean;
  /** On the clock of `performance.now()`. */
  begunAtMs: number;
}

export interface PlanSettings {
  slots: SlotSettings;
  /** The duration after which an attempt is slow and gives its slot back. */
  slowMs: number;
  /** In-flight bound for a site that is not proven. */
  siteConcurrency: number;
}

export interface PlanDeps {
  endpoints: Pick<Endpoints, 'standing' | 'isResting'>;
  pace: Pick<Pace, 'limit' | 'slowAfterMs'>;
  random: () => number;
}

/** The shares of all slots that unproven sites are sure of, and can take at most. */
const LEAST_FOR_UNPROVEN = 1 / 8;
const MOST_FOR_UNPROVEN = 1 / 2;
/** The share that only sites with nothing in flight may take. */
const KEPT_SHARE = 1 / 8;

/** Deals slots to sites with due deliveries. Unknown sites come before those that failed last time. */
export function planShares(
  sites: readonly PushableSite[],
  inFlight: readonly Attempting[],
  nowMs: number,
  settings: PlanSettings,
  deps: PlanDeps,
): Share[] {
  const slow = countLongerThan(inFlight, nowMs, () => settings.slowMs);
  const unusual = countLongerThan(inFlight, nowMs, deps.pace.slowAfterMs);
  const held = inFlight.map(({ siteId, isProven, begunAtMs }): InFlight => {
    return { siteId, isProven, isSlow: nowMs - begunAtMs > settings.slowMs };
  });
  const { free, unprovenHeld, bySite } = countSlots(held, settings.slots);
  if (free === 0) return [];

  const ranked = sites
    .filter((site) => !deps.endpoints.isResting(site, nowMs))
    .map((site) => ({ site, standing: deps.endpoints.standing(site), place: deps.random() }))
    .sort((a, b) => rankOf(a.standing) - rankOf(b.standing) || a.place - b.place);
  const candidates = ranked.map(({ site: { siteId }, standing }): Candidate => {
    const has = bySite.get(siteId) ?? 0;
    return {
      siteId,
      inFlight: has,
      allowance: Math.max(0, limitOf(siteId, standing) - has),
      isProven: standing === 'proven',
    };
  });
  function limitOf(siteId: string, standing: ReturnType<Endpoints['standing']>): number {
    if (standing === 'failing' || standing === 'open') return 1;
    // While an answer is overdue, more attempts would most likely wait with it.
    if (standing === 'unproven') return slow.has(siteId) ? 0 : settings.siteConcurrency;
    const limit = deps.pace.limit(siteId);
    return unusual.has(siteId) ? Math.min(limit, settings.siteConcurrency) : limit;
  }
  return shareOut(candidates, free, {
    least: Math.max(0, Math.ceil(settings.slots.quick * LEAST_FOR_UNPROVEN) - unprovenHeld),
    most: Math.max(0, Math.ceil(settings.slots.quick * MOST_FOR_UNPROVEN) - unprovenHeld),
    kept: Math.floor(settings.slots.quick * KEPT_SHARE),
  });
}

const rankOf = (standing: ReturnType<Endpoints['standing']>): number =>
  ({ proven: 0, unproven: 1, failing: 2, open: 2 })[standing];

function countLongerThan(
  inFlight: readonly Attempting[],
  elapsedMs: number,
  boundMs: (siteId: string) => number,
): ReadonlySet<string> {
  return new Set(
    inFlight.flatMap(({ siteId, begunAtMs }) => (elapsedMs - begunAtMs > boundMs(siteId) ? [siteId] : [])),
  );
}

/** Ms until the next attempt in flight becomes slow and gives its slot back; undefined if none will. */
export function nextSlowInMs(inFlight: Iterable<Attempting>, elapsedMs: number, slowMs: number): number | undefined {
  let next: number | undefined;
  for (const { begunAtMs } of inFlight) {
    const inMs = begunAtMs + slowMs - elapsedMs;
    if (inMs >= 0 && (next === undefined || inMs < next)) next = inMs;
  }
  return next;
}
