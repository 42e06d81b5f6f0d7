import {
  type ConsumerDefinition,
  consumerDefinitions,
  type DeadLetterMessage,
  decodeResult,
  type ResultMessage,
} from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import { type Connection, consume, type Delivered, type Outcome } from '@pressferry/jetstream';
import { errorFields, type Logger } from '@pressferry/runtime';
import type { SiteDirectory } from '@pressferry/sites';
import type { DatabaseGate } from './db/gate.ts';
import { storeDelivery } from './db/intake.ts';
import type { PublishDeadLetter } from './dead-letter.ts';
import { isPushable } from './delivery/pushable.ts';
import type { Metrics } from './metrics.ts';

export interface IntakeDeps {
  connection: Connection;
  db: Database;
  gate: DatabaseGate;
  directory: Pick<SiteDirectory, 'find' | 'isReady'>;
  publishDeadLetter: PublishDeadLetter;
  metrics: Pick<Metrics, 'intake' | 'interruption'>;
  logger: Logger;
  /** Called when a delivery became due. */
  onDue: () => void;
}

const CONCURRENCY = 32;
/** The consumer by which callback takes results. */
export const RESULTS_CONSUMER = resultsConsumer();

function resultsConsumer(): ConsumerDefinition {
  const [definition] = consumerDefinitions({ shards: 1 }).filter(({ stream }) => stream === 'RESULTS');
  if (definition === undefined) throw new Error('RESULTS has no consumer');
  return definition;
}

/** Turns the messages of RESULTS into deliveries until `signal` is aborted. While Postgres is down nothing is pulled, so nothing is lost. */
export async function runIntake(deps: IntakeDeps, signal: AbortSignal): Promise<void> {
  await consume(deps.connection, (message) => take(message, deps), {
    definition: RESULTS_CONSUMER,
    concurrency: CONCURRENCY,
    signal,
    onInterruption: (error) => {
      deps.metrics.interruption('intake');
      deps.logger.warn(errorFields(error), 'intake.interrupted');
    },
    untilReady: () => deps.gate.untilUp(signal),
  });
}

async function take(message: Delivered, deps: IntakeDeps): Promise<Outcome> {
  const result = decode(message.data);
  if (result === null) return giveUp(message, deps);
  const { directory, metrics } = deps;
  // Before the sites have been read, the worker holds what cannot be pushed.
  const status = !directory.isReady() || isPushable(directory.find(result.siteId)) ? 'pending' : 'held';
  try {
    const stored = await storeDelivery(deps.db, result, status);
    metrics.intake(stored);
    if (stored === 'erased') return { kind: 'drop', reason: 'result_erased' };
    if (status === 'pending' && stored !== 'duplicate') deps.onDue();
    return { kind: 'done' };
  } catch (error) {
    deps.gate.suspect();
    metrics.intake('retry');
    deps.logger.warn({ ...errorFields(error), result_id: result.resultId, site_id: result.siteId }, 'intake.failed');
    return { kind: 'retry', delayMs: 1_000 * Math.min(2 ** message.delivery, 60), reason: 'delivery_not_stored' };
  }
}

function decode(data: Uint8Array): ResultMessage | null {
  try {
    const result = decodeResult(data);
    return UUID.test(result.resultId) ? result : null;
  } catch {
    return null;
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Keeps what is no result where a person sees it. */
async function giveUp(message: Delivered, { publishDeadLetter, metrics, logger }: IntakeDeps): Promise<Outcome> {
  const letter: DeadLetterMessage = {
    stage: 'callback',
    siteId: message.subject.split('.')[3] ?? 'unknown',
    requestId: '',
    runId: '',
    reason: 'result_undecodable',
    deadAtMs: Date.now(),
    stream: message.stream,
    streamSequence: message.sequence,
    subject: message.subject,
    message: message.data,
    tries: message.delivery,
  };
  const isKept = await publishDeadLetter(letter, `callback:${message.stream}:${message.sequence}`);
  if (!isKept) return { kind: 'retry', delayMs: 5_000, reason: 'dead_letter_not_stored' };
  metrics.intake('undecodable');
  logger.error({ stream: message.stream, sequence: message.sequence }, 'intake.undecodable');
  return { kind: 'drop', reason: letter.reason };
}
