import { PROBLEMS, type ProblemCode } from '@pressferry/contracts';
import { type Logger, traceIdOf } from '@pressferry/runtime';
import type { OutcomeWord, RequestFacts } from '../model.ts';

/** `durationMs` runs from the request's head to its answer; `status` is 0 without an answer. */
export type LogRequest = (facts: RequestFacts, outcome: OutcomeWord, status: number, durationMs: number) => void;

export function createRequestLog(logger: Logger): LogRequest {
  return (facts, outcome, status, durationMs) => {
    const { siteId, claimedSiteId, idempotencyKey, requestId, eventType, bodyBytes, traceparent } = facts;
    const line = {
      outcome,
      status,
      duration_ms: Math.round(durationMs * 100) / 100,
      // An unverified request only claims to come from its site.
      ...(siteId === undefined ? { claimed_site_id: claimedSiteId } : { site_id: siteId }),
      idempotency_key: idempotencyKey,
      request_id: requestId,
      event_type: eventType,
      body_bytes: bodyBytes,
      ...(traceparent === undefined ? {} : { trace_id: traceIdOf(traceparent) }),
    };
    logger[levelOf(outcome)](line, 'request.handled');
  };
}

/** A full stream needs a person; what passes by itself is a trend. */
function levelOf(outcome: OutcomeWord): 'info' | 'warn' | 'error' {
  if (outcome === 'stream_full' || outcome === 'internal_error') return 'error';
  const status = outcome in PROBLEMS ? PROBLEMS[outcome as ProblemCode][0] : 200;
  return status >= 500 ? 'warn' : 'info';
}

export const logRefusedBytes = (logger: Logger, code: ProblemCode): void =>
  logger.info({ outcome: code, status: PROBLEMS[code][0] }, 'request.handled');
