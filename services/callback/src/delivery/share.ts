import type { Share } from '../model.ts';

/** A site with due deliveries, its attempts in flight, and how many more it may begin. */
export interface Candidate {
  siteId: string;
  inFlight: number;
  allowance: number;
  isProven: boolean;
}

export interface ShareRules {
  /** Slots for all unproven sites together: `least` before any other site, at most `most`. */
  least: number;
  most: number;
  /** Slots that only sites with nothing in flight may take. */
  kept: number;
}

/**
 * Gives each next slot to the site with the fewest attempts in flight, so no backlog takes more than its share. If all
 * unproven sites hang, proven ones still have slots; if proven sites want all slots, the others are still tried.
 */
export function shareOut(candidates: readonly Candidate[], slots: number, rules: ShareRules): Share[] {
  const proven = candidates.filter(({ isProven }) => isProven);
  const unproven = candidates.filter(({ isProven }) => !isProven);
  const wanted = unproven.reduce((sum, { allowance }) => sum + allowance, 0);
  const reserved = Math.min(rules.least, rules.most, wanted, slots);
  const quotas = new Map<string, number>();
  const left = deal(proven, slots - reserved, rules.kept, quotas) + reserved;
  const forUnproven = Math.min(left, rules.most);
  deal(unproven, forUnproven, rules.kept - (left - forUnproven), quotas);
  return [...quotas].map(([siteId, quota]) => ({ siteId, quota }));
}

/** Returns the slots left over. Of equals, the first in the list comes first. */
function deal(candidates: readonly Candidate[], slots: number, kept: number, quotas: Map<string, number>): number {
  let left = slots;
  let takers = candidates.filter(({ allowance }) => allowance > 0);
  for (let level = 0; takers.length > 0; level++) {
    const untouched = level === 0 ? 0 : Math.max(0, kept);
    if (left <= untouched) break;
    for (const { siteId, inFlight } of takers) {
      if (left === untouched) break;
      if (inFlight > level) continue;
      quotas.set(siteId, (quotas.get(siteId) ?? 0) + 1);
      left--;
    }
    takers = takers.filter(({ siteId, allowance }) => (quotas.get(siteId) ?? 0) < allowance);
  }
  return left;
}
