import type { LogOutput } from '@pressferry/runtime';
import type { Exchange, OutcomeWord } from './exchange.ts';

/** Writes the one line that tells of a request; `durationMs` is from its head to its answer, `status` 0 where there was none. */
export type LogRequest = (exchange: Exchange, outcome: OutcomeWord, status: number, durationMs: number) => void;

/**
 * Makes the line by hand: the logger, which redacts and serialises whatever it is given, costs as much as verifying a signature.
 * Every member is a number, a code of ours, or has passed a pattern that leaves nothing to escape; nothing else may be added here.
 */
export function createRequestLog({ logger, write }: LogOutput): LogRequest {
  if (!logger.isLevelEnabled('info')) return () => undefined;
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
    const { siteId, requestId, eventType, bodyBytes, traceparent } = exchange;
    let line = `{"level":"info","time":"${now()}","service":"ingress","outcome":"${outcome}"`;
    line += `,"status":${status},"duration_ms":${durationMs.toFixed(2)}`;
    // Only a verified request names its site.
    if (siteId !== undefined) line += `,"site_id":"${siteId}"`;
    if (requestId !== undefined) line += `,"request_id":"${requestId}"`;
    if (eventType !== undefined) line += `,"event_type":"${eventType}"`;
    if (bodyBytes !== undefined) line += `,"body_bytes":${bodyBytes}`;
    if (traceparent !== undefined) line += `,"trace_id":"${traceparent.slice(3, 35)}"`;
    write(`${line},"msg":"request.handled"}\n`);
  };
}
