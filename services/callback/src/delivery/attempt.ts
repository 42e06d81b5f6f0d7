import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import type { Database } from '@pressferry/database';
import {
  activeTraceparent,
  contextOf,
  errorFields,
  inSpan,
  type Logger,
  recordedTraceparent,
  SpanKind,
} from '@pressferry/runtime';
import { type Batcher, BatcherStopped, type DatabaseHealth } from '@pressferry/worker';
import { type Claim, releaseClaim } from '../db/claim.ts';
import { advanceDeliveries } from '../db/hold.ts';
import type { AttemptRecord, Recorded } from '../db/record.ts';
import type { Metrics } from '../metrics.ts';
import { isSiteLevel, SITE_LEVEL_CODES } from '../model.ts';
import type { Decision } from './decide.ts';
import type { Endpoints } from './endpoints.ts';
import type { Pace } from './pace.ts';
import { type PushDeps, type Pushed, pushResult } from './push.ts';
import type { PushableSite } from './pushable.ts';
import { giveUp, type SettleDeps, type Settlement, settle } from './settle.ts';

export interface AttemptDeps extends PushDeps, SettleDeps {
  db: Database;
  health: Pick<DatabaseHealth, 'suspect'>;
  records: Pick<Batcher<AttemptRecord, Recorded>, 'write'>;
  endpoints: Pick<Endpoints, 'succeeded' | 'failed' | 'saidGone' | 'stopped'>;
  pace: Pick<Pace, 'succeeded' | 'failed'>;
  metrics: Pick<Metrics, 'attempt' | 'deliveries' | 'delivered' | 'endpointStopped'>;
  logger: Logger;
  owner: string;
  resumeSpacingMs: number;
}

export interface How {
  signal: AbortSignal;
  timeoutMs: number;
  /** The breaker was open when it began. */
  isProbe: boolean;
  /** Counts this attempt too. */
  inFlightOf: (siteId: string) => number;
}

const MAX_LOST = 20;

/**
 * Makes and records one attempt of a claimed delivery; none if the delivery may have killed its workers. If `signal` is
 * aborted before an answer came, gives the claim back.
 */
export async function attemptDelivery(claim: Claim, site: PushableSite, how: How, deps: AttemptDeps): Promise<void> {
  if (claim.lost >= MAX_LOST) {
    const made = { startedAtMs: deps.now(), durationMs: 0, statusCode: null, traceparent: null };
    // Without this claim, which was not tried yet.
    const tries = claim.attempt + claim.lost - 1;
    const settlement = await giveUp(claim, { code: 'worker_lost', tries }, deps);
    return conclude({ claim, site, ...made, settlement }, deps);
  }
  await inSpan(
    'deliver result',
    SpanKind.CLIENT,
    contextOf(claim.traceparent),
    async (span) => {
      span.setAttributes({ 'pressferry.result_id': claim.resultId, 'pressferry.attempt': claim.attempt });
      const startedAtMs = deps.now();
      const begun = performance.now();
      const pushed = await push(claim, site, how, deps);
      const durationMs = performance.now() - begun;
      if (pushed === null) return release(claim, durationMs, deps);

      const { statusCode } = pushed;
      const decision = held(pushed.decision, site, deps);
      if (statusCode !== null) span.setAttribute('http.response.status_code', statusCode);
      const hasRecovered = inform(decision, { site, how, durationMs }, deps);
      const settlement = await settle(decision, claim, site.callbackUrl, deps);
      if (settlement.outcome === 'stopped') noteStop(site, decision, deps);
      const made = { startedAtMs, durationMs, statusCode, traceparent: recordedTraceparent(span) ?? null };
      await conclude({ claim, site, ...made, settlement, detail: pushed.detail }, deps);
      if (hasRecovered) await advance(site.siteId, deps);
    },
    { after: claim.lastTraceparent },
  );
}

interface Concluded extends Pick<AttemptRecord, 'startedAtMs' | 'durationMs' | 'statusCode' | 'traceparent'> {
  claim: Claim;
  site: PushableSite;
  settlement: Settlement;
  detail?: string | undefined;
}

async function conclude({ claim, site, settlement, detail, ...made }: Concluded, deps: AttemptDeps): Promise<void> {
  const { filedAt, resultId } = claim;
  const record = { filedAt, resultId, owner: deps.owner, ...made, ...settlement };
  const recorded = await store(record, deps);
  report({ claim, site, record, recorded, detail }, deps);
}

async function push(
  claim: Claim,
  site: PushableSite,
  { signal, timeoutMs }: How,
  deps: AttemptDeps,
): Promise<Pushed | null> {
  const traceparent = activeTraceparent();
  try {
    // Our own span describes the request; undici's instrumentation would add a second traceparent to the signed one.
    return await context.with(suppressTracing(context.active()), () =>
      pushResult(claim, site, { traceparent, signal, timeoutMs }, deps),
    );
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

async function release(claim: Claim, durationMs: number, deps: AttemptDeps): Promise<void> {
  deps.metrics.attempt('released', 'none', durationMs / 1000);
  deps.logger.info({ ...idsOf(claim), duration_ms: Math.round(durationMs) }, 'attempt.released');
  // If this fails, the lease runs out.
  await releaseClaim(deps.db, claim.resultId, deps.owner).catch(() => deps.health.suspect());
}

/**
 * Stores the outcome, however long the database takes, while the lease is renewed. Null only if the process stops first
 * or the row itself is refused; another attempt follows once the lease has run out.
 */
async function store(record: AttemptRecord, deps: AttemptDeps): Promise<Recorded | null> {
  try {
    return await deps.records.write(record);
  } catch (error) {
    if (!(error instanceof BatcherStopped))
      deps.logger.error({ ...errorFields(error), result_id: record.resultId }, 'attempt.unstorable');
    return null;
  }
}

/** Unsigned 410s stop the endpoint only after `goneHoldMs`; until then each is an ordinary failure. */
function held(decision: Decision, site: PushableSite, { endpoints, now }: AttemptDeps): Decision {
  if (decision.kind !== 'retry' || decision.code !== 'gone_unsigned') return decision;
  return endpoints.saidGone(site, now()) ? { kind: 'stopped', code: 'gone_unsigned' } : decision;
}

/**
 * Updates the endpoint's health and pace before any wait; true if an open breaker closes. What WordPress itself refused
 * says nothing about the site as a whole.
 */
function inform(
  decision: Decision,
  { site, how, durationMs }: { site: PushableSite; how: How; durationMs: number },
  { endpoints, pace }: AttemptDeps,
): boolean {
  const nowMs = performance.now();
  if (decision.kind === 'acknowledged') {
    pace.succeeded(site.siteId, durationMs, how.inFlightOf(site.siteId));
    return endpoints.succeeded(site, nowMs);
  }
  if (decision.kind === 'retry' && isSiteLevel(decision.code)) {
    pace.failed(site.siteId);
    endpoints.failed(site, { nowMs, isProbe: how.isProbe });
  }
  return false;
}

function noteStop(site: PushableSite, decision: Decision, { endpoints, metrics, logger }: AttemptDeps): void {
  if (decision.kind !== 'stopped') return;
  endpoints.stopped(site);
  metrics.endpointStopped(decision.code);
  logger.error(
    { site_id: site.siteId, callback_host: URL.parse(site.callbackUrl)?.host, code: decision.code },
    'endpoint.stopped',
  );
}

/** Makes deliveries that wait for a recovered site due early. */
async function advance(siteId: string, { db, resumeSpacingMs, logger }: AttemptDeps): Promise<void> {
  const waiting = { codes: SITE_LEVEL_CODES, spacingMs: resumeSpacingMs };
  const advanced = await advanceDeliveries(db, siteId, waiting).catch(() => 0);
  logger.info({ site_id: siteId, advanced_deliveries: advanced }, 'site.recovered');
}

interface Report {
  claim: Claim;
  site: PushableSite;
  record: AttemptRecord;
  recorded: Recorded | null;
  detail: string | undefined;
}

function report({ claim, site, record, recorded, detail }: Report, deps: AttemptDeps): void {
  const { outcome, failureCode, next, statusCode, durationMs } = record;
  deps.metrics.attempt(outcome, failureCode ?? 'none', durationMs / 1000);
  if (recorded === 'acknowledged' && outcome === 'acknowledged') {
    deps.metrics.deliveries('acknowledged');
    deps.metrics.delivered((deps.now() - claim.completedAtMs) / 1000);
  }
  if (recorded === 'dead') deps.metrics.deliveries('dead');
  if (recorded === 'held') deps.metrics.deliveries('held');
  const line = {
    ...idsOf(claim),
    max_attempts: deps.scheduleMs.length + 1,
    callback_host: URL.parse(site.callbackUrl)?.host,
    outcome,
    code: failureCode ?? undefined,
    fault: detail,
    status: statusCode ?? undefined,
    duration_ms: Math.round(durationMs),
    delivery: recorded ?? 'unrecorded',
    retry_in_ms: recorded === 'pending' && next.status === 'pending' ? Math.round(next.delayMs) : undefined,
  };
  // An undelivered end needs a person; a failed attempt does not yet.
  deps.logger[recorded === 'dead' ? 'error' : 'info'](line, 'delivery.attempted');
}

const idsOf = ({ siteId, resultId, requestId, idempotencyKey, attempt }: Claim): Record<string, unknown> => ({
  site_id: siteId,
  result_id: resultId,
  request_id: requestId,
  idempotency_key: idempotencyKey ?? undefined,
  attempt,
});
