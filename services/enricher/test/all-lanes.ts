import type { Database } from '@pressferry/database';
import type { ClaimedLane } from '../src/db/claim-runs.ts';
import { findLanes } from '../src/db/find-lanes.ts';

/** The lanes that a look finds now. */
export async function allLanes(db: Database, vendor: string, quota: number): Promise<ClaimedLane[]> {
  const { floors } = await findLanes(db, vendor);
  return [...floors].map(([siteId, floor]) => ({ siteId, floor, quota }));
}
