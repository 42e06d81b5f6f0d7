import { setTimeout as delay } from 'node:timers/promises';
import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import type { Database } from '@pressferry/database';
import { activeTraceparent, contextOf, inSpan, type Logger, SpanKind } from '@pressferry/runtime';
import { type Claim, releaseClaim } from '../db/claim.ts';
import type { DatabaseGate } from '../db/gate.ts';
import { advanceDeliveries } from '../db/hold.ts';
import { type AttemptRecord, type Recorded, recordAttempt } from '../db/record.ts';
import type { Metrics } from '../metrics.ts';
import type { Breaker } from './breaker.ts';
import { isSiteLevel, SITE_LEVEL_CODES } from './codes.ts';
import type { Decision } from './decide.ts';
import { type PushDeps, type Pushed, pushResult } from './push.ts';
import type { PushableSite } from './pushable.ts';
import { type SettleDeps, settle } from './settle.ts';

export interface AttemptDeps extends PushDeps, SettleDeps {
  db: Database;
  gate: DatabaseGate;
  breaker: Breaker;
  metrics: Pick<Metrics, 'attempt' | 'deliveries' | 'delivered'>;
  logger: Logger;
  owner: string;
  leaseMs: number;
  resumeSpacingMs: number;
}

const RECORD_RETRY_MS = 250;

/** Makes one attempt of a claimed delivery and records it. Where `signal` is aborted before an answer came, the claim is given back. */
export async function attemptDelivery(
  claim: Claim,
  site: PushableSite,
  signal: AbortSignal,
  deps: AttemptDeps,
): Promise<void> {
  await inSpan('deliver result', SpanKind.CLIENT, contextOf(claim.traceparent), async (span) => {
    span.setAttributes({ 'pressferry.result_id': claim.resultId, 'pressferry.attempt': claim.attempt });
    const startedAtMs = deps.now();
    const begun = performance.now();
    const pushed = await push(claim, site, signal, deps);
    const durationMs = performance.now() - begun;
    if (pushed === null) return release(claim, durationMs, deps);

    const { decision, statusCode } = pushed;
    if (statusCode !== null) span.setAttribute('http.response.status_code', statusCode);
    const settlement = await settle(decision, claim, site.callbackUrl, deps);
    const { resultId } = claim;
    const record = { resultId, owner: deps.owner, startedAtMs, durationMs, statusCode, ...settlement };
    const recorded = await recordPatiently(record, deps);
    report({ claim, site, record, recorded, detail: pushed.detail }, deps);
    await informBreaker(decision, claim.siteId, deps);
  });
}

/** Null where the attempt was broken off by `signal`. */
async function push(claim: Claim, site: PushableSite, signal: AbortSignal, deps: AttemptDeps): Promise<Pushed | null> {
  const traceparent = activeTraceparent();
  try {
    // Our own span stands for the request; undici's instrumentation would add a second traceparent to the signed one.
    return await context.with(suppressTracing(context.active()), () =>
      pushResult(claim, site, { traceparent, signal }, deps),
    );
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

async function release(claim: Claim, durationMs: number, deps: AttemptDeps): Promise<void> {
  deps.metrics.attempt('released', 'none', durationMs / 1000);
  deps.logger.info({ ...idsOf(claim), duration_ms: Math.round(durationMs) }, 'attempt.released');
  // Where this fails, the lease runs out by itself.
  await releaseClaim(deps.db, claim.resultId, deps.owner).catch(() => deps.gate.suspect());
}

/** Records until Postgres answers or the lease has run out; null then: another attempt will be made, which the site answers as a duplicate. */
async function recordPatiently(record: AttemptRecord, deps: AttemptDeps): Promise<Recorded | null> {
  const deadlineMs = performance.now() + deps.leaseMs;
  while (performance.now() < deadlineMs) {
    try {
      return await recordAttempt(deps.db, record);
    } catch (error) {
      deps.gate.suspect();
      deps.onFault(error);
      await delay(RECORD_RETRY_MS);
    }
  }
  return null;
}

/** Lets the breaker learn. What WordPress refused itself says nothing of the site as a whole, neither good nor bad. */
async function informBreaker(decision: Decision, siteId: string, deps: AttemptDeps): Promise<void> {
  const { breaker, db, resumeSpacingMs } = deps;
  if (decision.kind === 'retry' && isSiteLevel(decision.code)) breaker.failed(siteId, deps.now());
  if (decision.kind !== 'acknowledged' || !breaker.succeeded(siteId)) return;
  const waiting = { codes: SITE_LEVEL_CODES, spacingMs: resumeSpacingMs };
  const advanced = await advanceDeliveries(db, siteId, waiting).catch(() => 0);
  deps.logger.info({ site_id: siteId, advanced_deliveries: advanced }, 'site.recovered');
}

interface Report {
  claim: Claim;
  site: PushableSite;
  record: AttemptRecord;
  recorded: Recorded | null;
  detail: string | undefined;
}

/** The one wide line and the metrics of an attempt. */
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
  // A delivery that ended undelivered is for a person; a failed attempt is not yet.
  deps.logger[recorded === 'dead' ? 'error' : 'info'](line, 'delivery.attempted');
}

const idsOf = ({ siteId, resultId, requestId, idempotencyKey, attempt }: Claim): Record<string, unknown> => ({
  site_id: siteId,
  result_id: resultId,
  request_id: requestId,
  idempotency_key: idempotencyKey ?? undefined,
  attempt,
});
