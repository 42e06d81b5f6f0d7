/** A site with due deliveries: how many attempts it may begin, and whether that is a probe of a failing site. */
export interface Candidate {
  siteId: string;
  allowance: number;
  isProbe: boolean;
}

/** How many attempts a site gets in this round. */
export interface Share {
  siteId: string;
  quota: number;
}

/**
 * Deals `slots` out over sites, one to each in turn, so that no backlog takes more than its part while others wait. Failing sites
 * come last and get at most `probeSlots` together: were all of them to hang, the others would still have slots.
 */
export function shareOut(candidates: readonly Candidate[], slots: number, probeSlots: number): Share[] {
  const quotas = new Map<string, number>();
  const healthy = candidates.filter(({ isProbe }) => !isProbe);
  const probes = candidates.filter(({ isProbe }) => isProbe);
  const left = deal(healthy, slots, quotas);
  deal(probes, Math.min(left, probeSlots), quotas);
  return [...quotas].map(([siteId, quota]) => ({ siteId, quota }));
}

/** Deals until the slots or the allowances are used up; returns the slots left over. */
function deal(candidates: readonly Candidate[], slots: number, quotas: Map<string, number>): number {
  let left = slots;
  for (let round = 0; left > 0; round++) {
    const takers = candidates.filter(({ allowance }) => allowance > round);
    if (takers.length === 0) break;
    for (const { siteId } of takers.slice(0, left)) quotas.set(siteId, round + 1);
    left -= Math.min(left, takers.length);
  }
  return left;
}
