/** A site with due deliveries: how many attempts it may begin, and whether it failed last. */
export interface Candidate {
  siteId: string;
  allowance: number;
  isFailing: boolean;
}

/** How many attempts a site gets in this round. */
export interface Share {
  siteId: string;
  quota: number;
}

/** Slots for failing sites together: `least` before any other site, and never more than `most`. */
export interface FailingSlots {
  least: number;
  most: number;
}

/**
 * Deals `slots` out over sites, one to each in turn, so that no backlog takes more than its part while others wait. Were all failing
 * sites to hang, the others would still have slots; were all slots wanted by the others, failing sites would still be tried.
 */
export function shareOut(candidates: readonly Candidate[], slots: number, forFailing: FailingSlots): Share[] {
  const healthy = candidates.filter(({ isFailing }) => !isFailing);
  const failing = candidates.filter(({ isFailing }) => isFailing);
  const wanted = failing.reduce((sum, { allowance }) => sum + allowance, 0);
  const reserved = Math.min(forFailing.least, forFailing.most, wanted, slots);
  const quotas = new Map<string, number>();
  const left = deal(healthy, slots - reserved, quotas) + reserved;
  deal(failing, Math.min(left, forFailing.most), quotas);
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
