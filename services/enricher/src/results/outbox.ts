import { setTimeout as delay } from 'node:timers/promises';
import { encodeResult, resultSubject, shardOf } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import type { Publisher } from '@pressferry/jetstream';
import { activeTraceparent, contextOf, inSpan, isTracing, SpanKind } from '@pressferry/runtime';
import { type PublishDeadLetter, startLoop, writeApart } from '@pressferry/worker';
import { markPublished, readUnpublished } from '../db/unpublished.ts';
import { reached } from '../fault-points.ts';
import type { Metrics } from '../metrics.ts';
import type { FailureCode } from '../model.ts';
import { publishRunLetter } from './run-letter.ts';

/** `failureCode` makes its run a dead letter too. */
export interface Outgoing {
  resultId: string;
  runId: string;
  requestId: string;
  siteId: string;
  filedAt: string;
  completedAtMs: number;
  traceparent: string | null;
  failureCode: string | null;
}

export interface OutboxDeps {
  db: Database;
  publisher: Publisher;
  publishDeadLetter: PublishDeadLetter;
  shards: number;
  sweepMs: number;
  untilReady: (signal: AbortSignal) => Promise<void>;
  metrics: Pick<Metrics, 'result'>;
  onError: (error: unknown) => void;
  /** Called after a sweep that published results which were left behind. */
  onSwept: (results: number) => void;
}

/**
 * Announces stored results. A succeeded one has its delivery already: one message per site wakes callback for all that
 * were stored together. A failed one is published with its dead letter. The sweep publishes the rest later, under the
 * same message ids. Disposal ends the sweep and waits for publishes in flight.
 */
export interface Outbox extends AsyncDisposable {
  publish: (result: Outgoing) => void;
}

const SWEEP_LIMIT = 500;
const MARK_EVERY_MS = 50;

export function startOutbox(deps: OutboxDeps): Outbox {
  const publishes = new Set<Promise<void>>();
  const inFlight = new Set<string>();
  const marks = createMarks(deps, inFlight);
  let swept = 0;

  const track = (work: Promise<void>): void => {
    const done = work.catch(deps.onError).finally(() => publishes.delete(done));
    publishes.add(done);
  };
  const send = async (result: Outgoing, outcome: 'published' | 'swept'): Promise<void> => {
    const isKept = await publishOne(result, deps);
    deps.metrics.result(isKept ? outcome : 'refused');
    if (!isKept) return void inFlight.delete(result.resultId);
    if (outcome === 'swept') swept++;
    await marks.add(result);
  };
  const begin = (result: Outgoing, outcome: 'published' | 'swept'): void => {
    if (inFlight.has(result.resultId)) return;
    inFlight.add(result.resultId);
    track(send(result, outcome));
  };
  const sweep = async (stopping: AbortSignal): Promise<void> => {
    await deps.untilReady(stopping);
    if (stopping.aborted) return;
    for (const row of await readUnpublished(deps.db, deps.sweepMs, SWEEP_LIMIT)) begin(outgoingOf(row), 'swept');
    await Promise.all(publishes);
    if (swept > 0) deps.onSwept(swept);
    swept = 0;
  };
  /** If a message is lost, callback's search finds the deliveries a little later. */
  const wakeCallback = onePerSite((result) =>
    track(publishResult(result, deps).then((isKept) => deps.metrics.result(isKept ? 'published' : 'refused'))),
  );

  const sweeping = startLoop(sweep, { intervalMs: () => deps.sweepMs, onInterruption: deps.onError });
  return {
    publish: (result) => (result.failureCode === null ? wakeCallback(result) : begin(result, 'published')),
    async [Symbol.asyncDispose]() {
      await sweeping[Symbol.asyncDispose]();
      await Promise.all(publishes);
    },
  };
}

/**
 * Marks published results in Postgres, those of a few milliseconds in one statement, and ends their being in flight.
 */
function createMarks(deps: OutboxDeps, inFlight: Set<string>): { add: (result: Outgoing) => Promise<void> } {
  let published: Outgoing[] = [];
  let marking: Promise<void> | undefined;
  const mark = async (): Promise<void> => {
    await delay(MARK_EVERY_MS);
    const results = published;
    published = [];
    marking = undefined;
    // If this fails the sweep publishes them again, which the stream's window makes harmless.
    const markSome = (some: readonly Outgoing[]) => markPublished(deps.db, some);
    await writeApart(results, markSome, async (_result, error) => deps.onError(error)).catch(deps.onError);
    for (const { resultId } of results) inFlight.delete(resultId);
  };
  return {
    add: (result) => {
      published.push(result);
      marking ??= mark();
      return marking;
    },
  };
}

/**
 * Calls `tell` with each site's last result of this turn of the event loop, because one message per site wakes
 * callback.
 */
function onePerSite(tell: (result: Outgoing) => void): (result: Outgoing) => void {
  let toTell = new Map<string, Outgoing>();
  const tellAll = (): void => {
    const results = toTell;
    toTell = new Map();
    for (const result of results.values()) tell(result);
  };
  return (result) => {
    if (toTell.size === 0) setImmediate(tellAll);
    toTell.set(result.siteId, result);
  };
}

const outgoingOf = (row: Awaited<ReturnType<typeof readUnpublished>>[number]): Outgoing => ({
  resultId: row.result_id,
  runId: row.run_id,
  requestId: row.request_id,
  siteId: row.site_id,
  filedAt: row.filed_at,
  completedAtMs: row.completed_at.getTime(),
  traceparent: row.traceparent,
  failureCode: row.failure_code,
});

/** A person's decision: no dead letter. */
const REJECTED: FailureCode = 'approval_rejected';

/** True once RESULTS, and DEADLETTERS for a failed run, hold their messages. */
async function publishOne(result: Outgoing, deps: OutboxDeps): Promise<boolean> {
  const { runId, requestId, siteId, filedAt, failureCode } = result;
  if (failureCode !== null && failureCode !== REJECTED) {
    if (!(await publishRunLetter({ siteId, requestId, runId, filedAt, failureCode }, deps))) return false;
    reached('letter.published');
  }
  const isKept = await publishResult(result, deps);
  reached('result.published');
  return isKept;
}

/** In a producer span, which the message names as its parent; without an SDK it names the event's. */
function publishResult(result: Outgoing, deps: OutboxDeps): Promise<boolean> {
  if (!isTracing()) return append(result, deps);
  return inSpan('publish RESULTS', SpanKind.PRODUCER, contextOf(result.traceparent), async (span) => {
    span.setAttributes({ 'messaging.system': 'nats', 'messaging.destination.name': 'RESULTS' });
    const isKept = await append({ ...result, traceparent: activeTraceparent() ?? result.traceparent }, deps);
    span.setAttribute('pressferry.outcome', isKept ? 'stored' : 'refused');
    return isKept;
  });
}

async function append(result: Outgoing, deps: OutboxDeps): Promise<boolean> {
  const { resultId, runId, requestId, siteId } = result;
  const outcome = await deps.publisher.publish(
    resultSubject(shardOf(siteId, deps.shards), siteId),
    encodeResult({ resultId, runId, requestId, siteId, completedAtMs: result.completedAtMs }),
    headersOf(result),
  );
  return outcome.kind === 'stored' || outcome.kind === 'duplicate';
}

/** The message id, and the CloudEvents attributes. */
const headersOf = ({ resultId, siteId, completedAtMs, traceparent }: Outgoing): Record<string, string> => ({
  'Nats-Msg-Id': resultId,
  'ce-specversion': '1.0',
  'ce-id': resultId,
  'ce-source': `pressferry:site:${siteId}`,
  'ce-type': 'pressferry.result',
  'ce-time': new Date(completedAtMs).toISOString(),
  ...(traceparent === null ? {} : { traceparent }),
});
