import type { Database } from '@pressferry/database';
import { countSilentSites } from '@pressferry/registry';
import { errorFields, type Logger } from '@pressferry/runtime';
import type { SiteDirectory } from '@pressferry/sites';
import { type DatabaseHealth, type Loop, startLoop } from '@pressferry/worker';
import { countStopped } from '../db/endpoints.ts';
import { findHeldSites, resumeDeliveries } from '../db/hold.ts';
import { readHorizon } from '../db/horizon.ts';
import { measureKeyAges } from '../db/key-ages.ts';
import { endOverdue } from '../db/overdue.ts';
import { measureHeldBack } from '../db/poll.ts';
import { measureQueue } from '../db/queue.ts';
import { sweepResults } from '../db/sweep.ts';
import type { PublishDeliveryLetter } from '../delivery/delivery-letter.ts';
import type { Endpoints } from '../delivery/endpoints.ts';
import { isPushable } from '../delivery/pushable.ts';
import type { Metrics } from '../metrics.ts';
import { createHorizonAge } from './horizon-age.ts';

export interface HousekeepingDeps {
  db: Database;
  health: Pick<DatabaseHealth, 'untilUp'>;
  directory: Pick<SiteDirectory, 'find' | 'isReady'>;
  metrics: Pick<Metrics, 'deliveries' | 'queue' | 'keyAges' | 'intake'>;
  endpoints: Pick<Endpoints, 'openSites'>;
  publishDeliveryLetter: PublishDeliveryLetter;
  logger: Logger;
  /** The age at which a result without a delivery gets one. */
  sweepAfterMs: number;
  /** Consecutive failures after which an endpoint is only probed. */
  breakerFailures: number;
  /** How long a failing site's delivery may be due before it is a dead letter. */
  overdueMs: number;
  /** Ms between two held deliveries of a site becoming due, over all replicas. */
  resumeSpacingMs: number;
  onDue: () => void;
  stopping: AbortSignal;
  onInterruption: (error: unknown) => void;
}

const INTERVAL_MS = 1_000;
/** Sweeps in `sweepAfterMs`; each takes one batch. */
const SWEEPS_AN_AGE = 6;
const MEASURE_EVERY_MS = 10_000;
const AGES_EVERY_MS = 60_000;

/** Resumes held deliveries at a pace, ends what no probe will reach, and measures the queue. */
export function startHousekeeping(deps: HousekeepingDeps): Loop {
  const sweep = createSweep(deps);
  const measure = createMeasurement(deps);
  return startLoop(
    async () => {
      await deps.health.untilUp(deps.stopping);
      if (deps.stopping.aborted) return;
      await resumeHeld(deps);
      await sweep();
      await giveUpOverdue(deps);
      await measure();
    },
    { intervalMs: () => INTERVAL_MS, onInterruption: deps.onInterruption },
  );
}

async function resumeHeld({ db, directory, metrics, ...deps }: HousekeepingDeps): Promise<void> {
  if (!directory.isReady()) return;
  for (const siteId of await findHeldSites(db)) {
    if (deps.stopping.aborted) return;
    if (!isPushable(directory.find(siteId))) continue;
    const resumed = await resumeDeliveries(db, siteId, deps.resumeSpacingMs);
    metrics.deliveries('resumed', resumed);
    if (resumed > 0) deps.onDue();
  }
}

function createSweep({ db, metrics, logger, ...deps }: HousekeepingDeps): () => Promise<void> {
  let sweptAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (performance.now() - sweptAtMs < deps.sweepAfterMs / SWEEPS_AN_AGE) return;
    const { made, isEnd } = await sweepResults(db, deps.sweepAfterMs, async (result, error) => {
      const isKept = await deps.publishDeliveryLetter(result, 'delivery_unstorable', 0);
      if (isKept) metrics.intake('unstorable');
      const { resultId, requestId, siteId } = result;
      const ids = { result_id: resultId, request_id: requestId, site_id: siteId };
      logger.error({ ...ids, ...errorFields(error) }, 'result.unstorable');
      return isKept;
    });
    if (isEnd) sweptAtMs = performance.now();
    if (made === 0) return;
    metrics.intake('swept', made);
    // Enricher stores a result with its delivery, so one without is a bug or a change by hand.
    logger.error({ deliveries: made }, 'results.swept');
    deps.onDue();
  };
}

/** If a site has more waiting than its probes can try, the schedule alone would never end. */
async function giveUpOverdue({ db, metrics, logger, ...deps }: HousekeepingDeps): Promise<void> {
  const siteIds = deps.endpoints.openSites();
  if (siteIds.length === 0) return;
  const { breakerFailures: failures, overdueMs } = deps;
  const overdue = { siteIds, failures, overdueMs, failureCode: 'site_unreachable' } as const;
  const dead = await endOverdue(db, overdue, (delivery) =>
    deps.publishDeliveryLetter(delivery, overdue.failureCode, delivery.attempts),
  );
  metrics.deliveries('dead', dead);
  if (dead > 0) logger.error({ dead_deliveries: dead }, 'deliveries.overdue');
}

function createMeasurement({ db, metrics }: HousekeepingDeps): () => Promise<void> {
  let measureAtMs = Number.NEGATIVE_INFINITY;
  let agedAtMs = Number.NEGATIVE_INFINITY;
  const horizonAge = createHorizonAge();
  return async () => {
    const nowMs = performance.now();
    if (nowMs < measureAtMs) return;
    metrics.queue({
      ...(await measureQueue(db)),
      stoppedEndpoints: await countStopped(db),
      silentSites: await countSilentSites(db),
      pollsHeldBackSeconds: await measureHeldBack(db),
      deadRowsKeptSeconds: horizonAge(await readHorizon(db), nowMs),
    });
    // Slow measurements run more seldom, to take at most a hundredth of the time.
    measureAtMs = nowMs + Math.max(MEASURE_EVERY_MS, 100 * (performance.now() - nowMs));
    if (nowMs - agedAtMs < AGES_EVERY_MS) return;
    metrics.keyAges(await measureKeyAges(db));
    agedAtMs = nowMs;
  };
}
