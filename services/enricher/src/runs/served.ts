import type { ClaimedLane, ClaimedRun } from '../db/claim-runs.ts';

export interface Served {
  /** Sites of which the claim took all that was due. */
  emptied: string[];
  /** The site after which the next claim begins, because a full one leaves later sites unserved. */
  last: string | undefined;
}

/** `isFull`: the claim brought all that it was allowed. */
export function servedBy(
  lanes: readonly Pick<ClaimedLane, 'siteId' | 'quota'>[],
  runs: readonly Pick<ClaimedRun, 'site_id'>[],
  isFull: boolean,
): Served {
  const counts = new Map<string, number>();
  for (const { site_id } of runs) counts.set(site_id, (counts.get(site_id) ?? 0) + 1);
  const last = isFull ? lanes.findLastIndex(({ siteId }) => counts.has(siteId)) : lanes.length;
  const emptied = lanes.slice(0, Math.max(0, last)).filter(({ siteId, quota }) => (counts.get(siteId) ?? 0) < quota);
  return { emptied: emptied.map(({ siteId }) => siteId), last: lanes[last]?.siteId };
}
