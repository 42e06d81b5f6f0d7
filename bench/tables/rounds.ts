import { randomUUID } from 'node:crypto';
import { type Database, readBudgets, setBudget } from '@pressferry/database';
import { countSilentSites, noteHeartbeat } from '@pressferry/registry';
import { claimDeliveries } from '../../services/callback/src/db/claim.ts';
import { readEndpoints, takeProbes, writeEndpoints } from '../../services/callback/src/db/endpoints.ts';
import { findDueSites } from '../../services/callback/src/db/find-due.ts';
import { findHeldSites } from '../../services/callback/src/db/hold.ts';
import { endOverdue } from '../../services/callback/src/db/overdue.ts';
import { claimPokes } from '../../services/callback/src/db/pokes.ts';
import { pollResults } from '../../services/callback/src/db/poll.ts';
import { measureQueue } from '../../services/callback/src/db/queue.ts';
import { recordAttempts } from '../../services/callback/src/db/record.ts';
import { sweepResults } from '../../services/callback/src/db/sweep.ts';
import { noteVersions } from '../../services/enricher/src/db/automation-versions.ts';
import { claimRuns } from '../../services/enricher/src/db/claim-runs.ts';
import { findLanes } from '../../services/enricher/src/db/find-lanes.ts';
import { notePosition, readServerLife } from '../../services/enricher/src/db/positions.ts';
import { readQueue, unknownVendors } from '../../services/enricher/src/db/queue.ts';
import { settleSteps } from '../../services/enricher/src/db/settle-step.ts';
import { readSitesState } from '../../services/enricher/src/db/site-labels.ts';
import { commitSpend, reserveSpend } from '../../services/enricher/src/db/spend.ts';
import { storeEvents } from '../../services/enricher/src/db/store-events.ts';
import { beginSuspect, endSuspect } from '../../services/enricher/src/db/suspects.ts';
import { readUnpublished } from '../../services/enricher/src/db/unpublished.ts';
import { noteBlocks, readBlocks } from '../../services/enricher/src/db/vendor-blocks.ts';
import { endPermit, grantPermits, lockRate } from '../../services/enricher/src/db/vendor-rates.ts';
import { newEvent, succeeded } from '../../services/enricher/test/journeys.ts';

const SITES = 40;
const EVENTS = 64;
const BODY = 'x'.repeat(400);
const LEASE = { owner: 'bench', leaseMs: 60_000 };
const SITE_IDS = Array.from({ length: SITES }, (_, at) => `site-${String(at).padStart(3, '0')}`);
const siteAt = (at: number): string => SITE_IDS[at % SITES] ?? '';

/** As each service's health check does. */
const PROBE = `insert into worker_probes (worker, probed_at) values ('enricher', now())
  on conflict (worker) do update set probed_at = excluded.probed_at`;

type Query = (sql: string) => Promise<unknown>;

/** A round of journeys through the services' own statements, and of each that runs now and then. */
export async function createRounds(db: Database, query: Query, stream: string): Promise<() => Promise<void>> {
  await query(`insert into sites (site_id, issuer, audience, callback_url)
    select site_id, 'https://' || site_id, 'pressferry', 'https://' || site_id from unnest('{${SITE_IDS.join()}}'::text[]) site_id`);
  await setBudget(db, { scope: 'all', name: '', period: 'day', capMicros: 1e12, capTokens: null, onExhausted: 'hold' });
  let rounds = 0;
  return async () => {
    rounds++;
    await journeys(db);
    await rates(db);
    await ofEnricher(db, stream, rounds);
    await query(PROBE);
    await ofCallback(db, rounds);
  };
}

/** Half of the runs are claimed as they are stored, half later. */
async function journeys(db: Database): Promise<void> {
  // As if the look that found these lanes was just now.
  const floor = new Date().toISOString();
  const from = new Map(SITE_IDS.map((siteId) => [siteId, floor]));
  const events = Array.from({ length: EVENTS }, (_, at) => newEvent(siteAt(at), BODY));
  const runIds = events.map(({ runs }) => runs[0]?.run_id ?? '');
  const leased = new Set(runIds.filter((_, at) => at % 2 === 0));
  await storeEvents(db, events, { ...LEASE, runIds: leased });
  await findLanes(db, 'llm', from);
  const lanes = SITE_IDS.map((siteId) => ({ siteId, floor, quota: 8 }));
  const claim = { vendor: 'llm', limit: EVENTS, leaseMs: LEASE.leaseMs, takeOverUntil: null };
  const claimed = await claimRuns(db, { ...claim, lanes });
  const held = [...[...leased].map((run_id) => ({ run_id, lease_owner: LEASE.owner })), ...claimed];
  await settleSteps(
    db,
    held.map(({ run_id, lease_owner }) => ({
      run: { run_id, lease_owner, traceparent: null },
      settlement: succeeded(BODY, 'x'.repeat(200)),
    })),
  );
  await findDueSites(db, { failures: 5 }, { after: '', from });
  const shares = SITE_IDS.map((siteId) => ({ siteId, floor, quota: 4 }));
  const { claims } = await claimDeliveries(db, shares, { ...LEASE, takeOverUntil: null });
  const record = { owner: LEASE.owner, startedAtMs: Date.now(), durationMs: 5, statusCode: 200, failureCode: null };
  const ended = { outcome: 'acknowledged', traceparent: null, next: { status: 'acknowledged' } } as const;
  await recordAttempts(
    db,
    claims.map(({ filedAt, resultId }) => ({ ...record, ...ended, filedAt, resultId })),
  );
}

async function rates(db: Database): Promise<void> {
  const vendor = 'llm';
  const permitIds = Array.from({ length: 8 }, () => randomUUID());
  await db.transaction().execute(async (tx) => {
    await lockRate(tx, vendor, 1_000);
    const permits = permitIds.map((permitId) => ({ permitId, tokens: 10 }));
    await grantPermits(tx, { vendor, permits, maxMs: 60_000, nextInMs: 0 });
  });
  for (const permitId of permitIds) {
    await endPermit(db, { vendor, permitId, isMade: true, tokens: 9, backMs: 0, windowMs: 1_000 });
    const reservationId = randomUUID();
    const of = [{ scope: 'all', name: '' } as const];
    await reserveSpend(db, { reservationId, runId: randomUUID(), of, micros: 10, tokens: 10 });
    await commitSpend(db, { reservationId, micros: 9, tokens: 9 });
  }
}

async function ofEnricher(db: Database, stream: string, round: number): Promise<void> {
  await readQueue(db);
  await unknownVendors(db, ['llm'], 30_000);
  await readUnpublished(db, 30_000, 500);
  await readSitesState(db);
  await noteBlocks(db, [{ vendor: 'llm', cause: 'limited', forMs: 1 }]);
  await readBlocks(db);
  await readBudgets(db);
  const life = await readServerLife(db);
  await notePosition(db, { stream, createdAt: 'now' }, { life, known: round - 1, sequence: round });
  await beginSuspect(db, 'digest');
  await endSuspect(db, 'digest');
  await noteVersions(db, [{ automation: 'summarize', version: '1', definition: {} }]);
}

async function ofCallback(db: Database, round: number): Promise<void> {
  const nowMs = Date.now();
  await measureQueue(db);
  await findHeldSites(db);
  await countSilentSites(db);
  await readEndpoints(db, SITE_IDS, nowMs);
  const failing = {
    straightFailures: round,
    probePauseMs: 1,
    nextProbeAtMs: nowMs - 1,
    lastSuccessAtMs: null,
    goneSinceMs: null,
  };
  await writeEndpoints(
    db,
    new Map(SITE_IDS.map((siteId) => [siteId, { ...failing, callbackUrl: `http://${siteId}` }])),
    nowMs,
  );
  await takeProbes(db, SITE_IDS);
  await endOverdue(
    db,
    { siteIds: SITE_IDS, failures: 1, overdueMs: 60_000, failureCode: 'site_unreachable' },
    async () => false,
  );
  await sweepResults(db, 0, async () => false);
  await pollResults(db, siteAt(round), { since: { xid: 0n, ordinal: 0n }, limit: 10 });
  const report = { plugin_version: '1', wordpress_version: '6', php_version: '8', counts: {}, oldest_pending_s: null };
  const beat = { homeUrl: 'https://x', report: { ...report, clock_offset_ms: 0, key_age_s: 0, cron_late_s: 0 } };
  for (const siteId of SITE_IDS) await noteHeartbeat(db, siteId, beat, { spacingMs: 0, silenceMs: 0 });
  await claimPokes(db, 5, 1);
}
