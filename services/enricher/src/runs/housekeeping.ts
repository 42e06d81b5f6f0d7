import type { Database } from '@pressferry/database';
import { errorFields, type Keyring, type Logger } from '@pressferry/runtime';
import { type LeaseKeeper, type Loop, startLoop } from '@pressferry/worker';
import type { Vendor } from '../automations/vendors.ts';
import { claimRuns } from '../db/claim-runs.ts';
import { findLanes } from '../db/find-lanes.ts';
import { readQueue, unknownVendors } from '../db/queue.ts';
import { settleSteps } from '../db/settle-step.ts';
import type { Metrics } from '../metrics.ts';
import type { Outgoing } from '../results/outbox.ts';
import { failUnknownVendor } from './take-step.ts';

export interface HousekeepingDeps {
  db: Database;
  vendors: ReadonlyMap<string, Vendor>;
  keyring: Pick<Keyring, 'seal'>;
  leases: Pick<LeaseKeeper<never>, 'takeOverUntil'>;
  untilReady: (signal: AbortSignal) => Promise<void>;
  metrics: Pick<Metrics, 'queue' | 'run' | 'interruption'>;
  publish: (result: Outgoing) => void;
  unknownGraceMs: number;
  logger: Logger;
}

const EVERY_MS = 5_000;
/** Counting takes at most one part of the time in so many. */
const READ_SHARE = 100;
const BATCH = 100;
const LEASE_MS = 60_000;

/** Reads the queue's metrics, and ends runs whose vendor no configuration has known for the grace period. */
export function startHousekeeping(deps: HousekeepingDeps): Loop {
  let readMs = 0;
  return startLoop(
    async (stopping) => {
      await deps.untilReady(stopping);
      if (stopping.aborted) return;
      const begunAtMs = performance.now();
      deps.metrics.queue(await readQueue(deps.db));
      readMs = performance.now() - begunAtMs;
      const known = [...deps.vendors.keys()];
      for (const vendor of await unknownVendors(deps.db, known, deps.unknownGraceMs)) await endRunsOf(vendor, deps);
    },
    {
      intervalMs: () => pauseAfter(readMs, deps.unknownGraceMs),
      onInterruption: (error) => {
        deps.metrics.interruption('sweep');
        deps.logger.warn(errorFields(error), 'housekeeping.interrupted');
      },
    },
  );
}

export const pauseAfter = (readMs: number, graceMs: number): number =>
  Math.min(Math.max(EVERY_MS, readMs * READ_SHARE), graceMs);

async function endRunsOf(vendor: string, deps: HousekeepingDeps): Promise<void> {
  const { floors } = await findLanes(deps.db, vendor);
  const lanes = [...floors].map(([siteId, floor]) => ({ siteId, floor, quota: BATCH }));
  const claim = { vendor, limit: BATCH, leaseMs: LEASE_MS, lanes, takeOverUntil: deps.leases.takeOverUntil() };
  for (const run of await claimRuns(deps.db, claim)) {
    const settlement = failUnknownVendor(run, deps);
    const [isOurs] = await settleSteps(deps.db, [{ run, settlement }]);
    if (settlement.next.kind !== 'end' || !isOurs) continue;
    const { result, failure } = settlement.next;
    const { run_id, request_id, idempotency_key, site_id, automation } = run;
    const ids = { run_id, request_id, idempotency_key, site_id, automation };
    deps.logger.error({ ...ids, vendor, code: failure?.code }, 'run.finished');
    deps.metrics.run('failed', (Date.now() - run.received_at.getTime()) / 1_000);
    deps.publish({
      resultId: result.result_id,
      runId: run.run_id,
      requestId: run.request_id,
      siteId: run.site_id,
      filedAt: run.filed_at,
      completedAtMs: result.completedAt.getTime(),
      traceparent: run.traceparent,
      failureCode: failure?.code ?? null,
    });
  }
}
