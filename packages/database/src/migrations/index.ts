import type { Migration } from 'kysely/migration';
import * as foundation from './0001-foundation.ts';
import * as deliveryIndexes from './0002-delivery-indexes.ts';
import * as runLanes from './0003-run-lanes.ts';
import * as pausedSites from './0004-paused-sites.ts';
import * as workerProbes from './0010-worker-probes.ts';
import * as intakeSuspects from './0011-intake-suspects.ts';
import * as lostWorkers from './0012-lost-workers.ts';
import * as lessWork from './0013-less-work.ts';
import * as siteEndpoints from './0020-site-endpoints.ts';
import * as resultPlaces from './0021-result-places.ts';
import * as deliveryRecords from './0022-delivery-records.ts';
import * as vendorBlocks from './0030-vendor-blocks.ts';
import * as registryRounds from './0040-registry-rounds.ts';
import * as erasedEvents from './0060-erased-events.ts';
import * as intakePositions from './0061-intake-positions.ts';
import * as enrolment from './0062-enrolment.ts';
import * as openWork from './0070-open-work.ts';
import * as dayPartitions from './0071-day-partitions.ts';
import * as siteHeartbeats from './0085-site-heartbeats.ts';
import * as automationVersions from './0090-automation-versions.ts';
import * as budgets from './0091-budgets.ts';
import * as versionsInUse from './0096-versions-in-use.ts';
import * as decisions from './0100-decisions.ts';
import * as vendorRates from './0105-vendor-rates.ts';
import * as siteLabels from './0106-site-labels.ts';
import * as lastSpans from './0113-last-spans.ts';
import * as lostDeliveries from './0116-lost-deliveries.ts';
import * as clearDays from './0117-clear-days.ts';
import * as sealedReasons from './0120-sealed-reasons.ts';
import * as spansOfThePast from './0126-spans-of-the-past.ts';
import * as daysInTurn from './0127-days-in-turn.ts';
import * as dueWhenWritten from './0136-due-when-written.ts';

/** Applied in order of names. Expand within a release, contract in a later one. */
export const MIGRATIONS: Record<string, Migration> = {
  '0001-foundation': foundation,
  '0002-delivery-indexes': deliveryIndexes,
  '0003-run-lanes': runLanes,
  '0004-paused-sites': pausedSites,
  '0010-worker-probes': workerProbes,
  '0011-intake-suspects': intakeSuspects,
  '0012-lost-workers': lostWorkers,
  '0013-less-work': lessWork,
  '0020-site-endpoints': siteEndpoints,
  '0021-result-places': resultPlaces,
  '0022-delivery-records': deliveryRecords,
  '0030-vendor-blocks': vendorBlocks,
  '0040-registry-rounds': registryRounds,
  '0060-erased-events': erasedEvents,
  '0061-intake-positions': intakePositions,
  '0062-enrolment': enrolment,
  '0070-open-work': openWork,
  '0071-day-partitions': dayPartitions,
  '0085-site-heartbeats': siteHeartbeats,
  '0090-automation-versions': automationVersions,
  '0091-budgets': budgets,
  '0096-versions-in-use': versionsInUse,
  '0100-decisions': decisions,
  '0105-vendor-rates': vendorRates,
  '0106-site-labels': siteLabels,
  '0113-last-spans': lastSpans,
  '0116-lost-deliveries': lostDeliveries,
  '0117-clear-days': clearDays,
  '0120-sealed-reasons': sealedReasons,
  '0126-spans-of-the-past': spansOfThePast,
  '0127-days-in-turn': daysInTurn,
  '0136-due-when-written': dueWhenWritten,
};
