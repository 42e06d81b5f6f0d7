import type { Database } from '@pressferry/database';
import type { SiteDirectory } from '@pressferry/sites';
import { inTurns, type Lanes, type Lease, type LeaseKeeper } from '@pressferry/worker';
import { type Claim, claimDeliveries, dropErased } from '../db/claim.ts';
import { readEndpoints, takeProbes } from '../db/endpoints.ts';
import { type Found, findDueSites } from '../db/find-due.ts';
import { holdDeliveries } from '../db/hold.ts';
import type { Metrics } from '../metrics.ts';
import type { Share } from '../model.ts';
import type { Agenda } from './agenda.ts';
import type { Endpoints } from './endpoints.ts';
import { type Attempting, type PlanDeps, type PlanSettings, planShares } from './plan.ts';
import { isPushable, type PushableSite } from './pushable.ts';

export interface RoundDeps extends PlanDeps {
  db: Database;
  agenda: Agenda;
  /** The sites. */
  lanes: Lanes;
  endpoints: Endpoints;
  directory: Pick<SiteDirectory, 'find'>;
  leases: Pick<LeaseKeeper<string>, 'keep' | 'refresh' | 'takeOverUntil'>;
  metrics: Pick<Metrics, 'deliveries'>;
  plan: PlanSettings;
  owner: string;
  leaseMs: number;
  /** Consecutive failures after which an endpoint is only probed. */
  breakerFailures: number;
  flushEndpoints: () => Promise<void>;
  onInterruption: (error: unknown) => void;
}

export interface Claimed {
  claim: Claim;
  lease: Lease;
}

/** How soon a site is looked at again if another replica makes its probe. */
const PROBE_ELSEWHERE_MS = 1_000;

/**
 * Puts sites with due deliveries on the agenda, and holds deliveries of sites that take no pushes. Resolves to the site
 * after which the next look begins.
 */
export async function search(after: string, deps: RoundDeps): Promise<string> {
  const { db, agenda, directory, metrics } = deps;
  const { due, next } = await look(after, deps);
  const idle = due.filter((siteId) => !isPushable(directory.find(siteId)));
  agenda.add(due);
  if (idle.length > 0) metrics.deliveries('held', await holdDeliveries(db, idle));
  return next;
}

async function look(after: string, { db, lanes, breakerFailures: failures }: RoundDeps): Promise<Found> {
  const { from, end } = lanes.beginLook(performance.now());
  try {
    const found = await findDueSites(db, { failures }, { after, from: after === '' ? from : new Map() });
    end(performance.now(), found.look);
    return found;
  } catch (error) {
    end(performance.now());
    throw error;
  }
}

/** Claims due deliveries of the agenda's sites, within slots and health. */
export async function claimDue(inFlight: readonly Attempting[], deps: RoundDeps): Promise<Claimed[]> {
  const { db, agenda, lanes, directory, leases, owner, leaseMs } = deps;
  const { siteIds, answer } = agenda.begin();
  const claimed = new Set<string>();
  try {
    const sites = pushableOf(siteIds, directory);
    await learn([...sites.keys()], deps);
    const resting = [...sites.values()].filter((site) => deps.endpoints.isResting(site, performance.now()));
    // A search finds them again: paused sites once resumed, resting ones once they may be probed.
    agenda.remove(siteIds.filter((siteId) => !sites.has(siteId)));
    agenda.remove(resting.map(({ siteId }) => siteId));
    const planned = planShares([...sites.values()], inFlight, performance.now(), deps.plan, deps);
    const shares = await withProbes(planned, sites, deps);
    if (shares.length === 0) return [];
    await leases.refresh();
    const takenAtMs = performance.now();
    const floored = shares.map((share) => ({ ...share, floor: lanes.floorOf(share.siteId) }));
    const { claims, erased } = await claimDeliveries(db, floored, {
      owner,
      leaseMs,
      takeOverUntil: leases.takeOverUntil(),
    });
    const taken = new Map<string, number>();
    for (const { siteId, resultId } of claims) {
      claimed.add(resultId);
      taken.set(siteId, (taken.get(siteId) ?? 0) + 1);
    }
    agenda.remove(shares.flatMap(({ siteId, quota }) => ((taken.get(siteId) ?? 0) < quota ? [siteId] : [])));
    const kept = inTurns(claims, ({ siteId }) => siteId).map((claim) => {
      return { claim, lease: leases.keep(claim.resultId, takenAtMs) };
    });
    // If it fails they come again, and the others go on.
    if (erased.length > 0) await dropErased(db, erased).catch(deps.onInterruption);
    return kept;
  } finally {
    answer(claimed);
  }
}

function pushableOf(siteIds: readonly string[], directory: RoundDeps['directory']): Map<string, PushableSite> {
  const sites = new Map<string, PushableSite>();
  for (const siteId of siteIds) {
    const site = directory.find(siteId);
    if (isPushable(site)) sites.set(siteId, site);
  }
  return sites;
}

async function learn(siteIds: readonly string[], { db, endpoints }: RoundDeps): Promise<void> {
  const nowMs = performance.now();
  const unheard = siteIds.filter((siteId) => !endpoints.isFresh(siteId, nowMs));
  if (unheard.length > 0) endpoints.learn(unheard, await readEndpoints(db, unheard, nowMs), nowMs);
}

/** Drops the open endpoints whose probe another replica makes. */
async function withProbes(
  shares: Share[],
  sites: ReadonlyMap<string, PushableSite>,
  { db, endpoints, flushEndpoints }: RoundDeps,
): Promise<Share[]> {
  const open = shares.flatMap(({ siteId }) => {
    const site = sites.get(siteId);
    return site !== undefined && endpoints.standing(site) === 'open' ? [siteId] : [];
  });
  if (open.length === 0) return shares;
  // A breaker that just opened is not in Postgres yet.
  await flushEndpoints();
  const probes = await takeProbes(db, open);
  for (const siteId of open) endpoints.probed(siteId, performance.now() + (probes.get(siteId) ?? PROBE_ELSEWHERE_MS));
  return shares.filter(({ siteId }) => probes.has(siteId) || !open.includes(siteId));
}
