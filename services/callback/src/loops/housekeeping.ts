import type { Database } from '@pressferry/database';
import type { SiteDirectory } from '@pressferry/sites';
import type { DatabaseGate } from '../db/gate.ts';
import { findHeldSites, resumeDeliveries } from '../db/hold.ts';
import { measureQueue } from '../db/queue.ts';
import { isPushable } from '../delivery/pushable.ts';
import type { Metrics } from '../metrics.ts';
import { type Loop, startLoop } from './wake.ts';

export interface HousekeepingDeps {
  db: Database;
  gate: DatabaseGate;
  directory: Pick<SiteDirectory, 'find' | 'isReady'>;
  metrics: Pick<Metrics, 'deliveries' | 'queue'>;
  /** One held delivery of a site becomes due every so many ms. */
  resumeSpacingMs: number;
  onDue: () => void;
  /** Aborted when nothing more is to be done. */
  stopping: AbortSignal;
  onInterruption: (error: unknown) => void;
}

const INTERVAL_MS = 500;
const MEASURE_EVERY_MS = 10_000;
const MAX_BATCH = 1_000;

/** Resumes held deliveries of sites that can be pushed to again, at a pace, and measures the queue. */
export function startHousekeeping(deps: HousekeepingDeps): Loop {
  const { db, gate, directory, metrics } = deps;
  const perRound = Math.ceil(Math.min(INTERVAL_MS / deps.resumeSpacingMs, MAX_BATCH));
  let measuredAtMs = Number.NEGATIVE_INFINITY;

  const resume = async (): Promise<void> => {
    if (!directory.isReady()) return;
    const sites = (await findHeldSites(db)).filter((siteId) => isPushable(directory.find(siteId)));
    if (sites.length === 0) return;
    const resumed = await resumeDeliveries(db, sites, perRound);
    metrics.deliveries('resumed', resumed);
    if (resumed > 0) deps.onDue();
  };
  const measure = async (): Promise<void> => {
    if (performance.now() - measuredAtMs < MEASURE_EVERY_MS) return;
    metrics.queue(await measureQueue(db));
    measuredAtMs = performance.now();
  };
  return startLoop(
    async () => {
      await gate.untilUp(deps.stopping);
      if (deps.stopping.aborted) return;
      await resume();
      await measure();
    },
    () => INTERVAL_MS,
    deps.onInterruption,
  );
}
