import { PROBLEMS, type ProblemCode } from '@pressferry/contracts';
import type { LogOutput } from '@pressferry/runtime';
import { type Exchange, OUTCOME_WORDS, type OutcomeWord } from './exchange.ts';

/** Writes the one line that tells of a request; `durationMs` is from its head to its answer, `status` 0 where there was none. */
export type LogRequest = (exchange: Exchange, outcome: OutcomeWord, status: number, durationMs: number) => void;

/**
 * Makes the line by hand: the logger, which redacts and serialises whatever it is given, costs as much as verifying a signature.
 * Every member is a number, a code of ours, or has passed a pattern that leaves nothing to escape; nothing else may be added here.
 */
export function createRequestLog({ logger, write }: LogOutput): LogRequest {
  /** The beginning of a line of each outcome whose level is written. */
  const beginnings = new Map(
    OUTCOME_WORDS.filter((outcome) => logger.isLevelEnabled(levelOf(outcome))).map((outcome) => [
      outcome,
      `{"level":"${levelOf(outcome)}","service":"ingress","outcome":"${outcome}","time":"`,
    ]),
  );
  let timeMs = 0;
  let time = '';
  // Many answers leave in one millisecond.
  const now = (): string => {
    const nowMs = Date.now();
    if (nowMs !== timeMs) time = new Date(nowMs).toISOString();
    timeMs = nowMs;
    return time;
  };
  return (exchange, outcome, status, durationMs) => {
    const beginning = beginnings.get(outcome);
    if (beginning === undefined) return;
    const { siteId, claimedSiteId, idempotencyKey, requestId, eventType, bodyBytes, traceparent } = exchange;
    let line = `${beginning}${now()}","status":${status},"duration_ms":${durationMs.toFixed(2)}`;
    // Only a verified request has a site; one that is not believed may name a registered one.
    if (siteId !== undefined) line += `,"site_id":"${siteId}"`;
    else if (claimedSiteId !== undefined) line += `,"claimed_site_id":"${claimedSiteId}"`;
    if (idempotencyKey !== undefined) line += `,"idempotency_key":"${idempotencyKey}"`;
    if (requestId !== undefined) line += `,"request_id":"${requestId}"`;
    if (eventType !== undefined) line += `,"event_type":"${eventType}"`;
    if (bodyBytes !== undefined) line += `,"body_bytes":${bodyBytes}`;
    if (traceparent !== undefined) line += `,"trace_id":"${traceparent.slice(3, 35)}"`;
    write(`${line},"msg":"request.handled"}\n`);
  };
}

/** Room for events is made by a person; what passes by itself is a trend. */
function levelOf(outcome: OutcomeWord): 'info' | 'warn' | 'error' {
  if (outcome === 'stream_full' || outcome === 'internal_error') return 'error';
  const status = outcome in PROBLEMS ? PROBLEMS[outcome as ProblemCode][0] : 200;
  return status >= 500 ? 'warn' : 'info';
}
