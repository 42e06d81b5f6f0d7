import { randomUUID } from 'node:crypto';
import type { Database } from '@pressferry/database';
import type { ClaimedRun } from '../db/claim-runs.ts';
import { type NewEvent, type NewRun, type Stored, storeEvents } from '../db/store-events.ts';
import type { Place } from './pool.ts';

export interface FirstClaimDeps {
  db: Database;
  leaseMs: number;
  /** Reserves a place in the vendor's pool for a run of the site; null if there is none. */
  reserve: (vendor: string, siteId: string) => Place | null;
  /** The vendor has an unclaimed run of the site. */
  kick: (vendor: string, siteId: string) => void;
}

interface Reserved {
  place: Place;
  event: NewEvent;
  run: NewRun;
}

/**
 * Stores events with their runs, and claims in the same statement those runs for which a pool has a place; they begin
 * once it is committed. Returns the events' outcomes in order.
 */
export async function storeAndClaim(events: readonly NewEvent[], deps: FirstClaimDeps): Promise<Stored[]> {
  const reserved = reserveAll(events, deps);
  const owner = randomUUID();
  const takenAtMs = performance.now();
  try {
    const lease = { owner, leaseMs: deps.leaseMs, runIds: new Set(reserved.keys()) };
    const { stored, leased } = await storeEvents(deps.db, events, lease);
    for (const [runId, { place, event, run }] of reserved) {
      if (leased.has(runId)) place.begin(claimed(event, run, { owner, takenAtMs }));
    }
    for (const event of events) {
      if (stored.get(event.request_id) !== 'stored' || event.mode === 'dry_run') continue;
      for (const { run_id, steps, isDry } of event.runs)
        if (!leased.has(run_id) && !isDry) deps.kick(steps[0]?.vendor ?? '', event.site_id);
    }
    return events.map(({ request_id }) => stored.get(request_id) ?? 'unsettled');
  } finally {
    // Runs that began have taken their place.
    for (const { place } of reserved.values()) place.giveUp();
  }
}

function reserveAll(events: readonly NewEvent[], { reserve }: FirstClaimDeps): Map<string, Reserved> {
  const reserved = new Map<string, Reserved>();
  for (const event of events) {
    if (event.mode === 'dry_run') continue;
    for (const run of event.runs) {
      if (run.isDry) continue;
      const place = reserve(run.steps[0]?.vendor ?? '', event.site_id);
      if (place !== null) reserved.set(run.run_id, { place, event, run });
    }
  }
  return reserved;
}

function claimed(event: NewEvent, run: NewRun, lease: { owner: string; takenAtMs: number }): ClaimedRun {
  const { request_id, site_id, idempotency_key, event_type, object_ref, traceparent, sealed_body } = event;
  return {
    ...{ request_id, site_id, idempotency_key, event_type, object_ref, traceparent, sealed_body },
    filed_at: event.received_at,
    run_id: run.run_id,
    automation: run.automation,
    automation_version: run.version,
    vendor: run.steps[0]?.vendor ?? '',
    lease_owner: lease.owner,
    was_lost: false,
    takenAtMs: lease.takenAtMs,
    created_at: new Date(),
    occurred_at: new Date(event.occurred_at),
    received_at: new Date(event.received_at),
    steps: run.steps.map(({ position, name, type, vendor }) => ({
      ...{ position, name, type, vendor },
      status: 'pending',
      attempt_count: 0,
      lost_count: 0,
      started_at: null,
      last_traceparent: null,
      sealed_output: null,
    })),
  };
}
