import {
  type ConsumerDefinition,
  consumerDefinitions,
  decodeResult,
  REPLAY_HEADER,
  type ResultMessage,
} from '@pressferry/contracts';
import { type Connection, consume, type Delivered, type Outcome } from '@pressferry/jetstream';
import { contextOf, errorFields, inSpan, isTracing, type Logger, placeOfDelivery, SpanKind } from '@pressferry/runtime';
import type { SiteDirectory } from '@pressferry/sites';
import {
  type Batcher,
  BatcherStopped,
  type DatabaseHealth,
  giveUpMessage,
  type PublishDeadLetter,
  UnstorableRow,
} from '@pressferry/worker';
import type { NewDelivery, Stored } from './db/intake.ts';
import { isPushable } from './delivery/pushable.ts';
import type { Worker } from './delivery/worker.ts';
import type { Metrics } from './metrics.ts';

export interface IntakeDeps {
  connection: Connection;
  health: Pick<DatabaseHealth, 'untilUp'>;
  deliveries: Pick<Batcher<NewDelivery, Stored>, 'write' | 'untilFlowing'>;
  directory: Pick<SiteDirectory, 'find' | 'isReady'>;
  publishDeadLetter: PublishDeadLetter;
  metrics: Pick<Metrics, 'intake' | 'interruption'>;
  logger: Logger;
  worker: Pick<Worker, 'announce' | 'kick'>;
}

const CONCURRENCY = 256;
export const RESULTS_CONSUMER = resultsConsumer();

function resultsConsumer(): ConsumerDefinition {
  const [definition] = consumerDefinitions({ shards: 1 }).filter(({ stream }) => stream === 'RESULTS');
  if (definition === undefined) throw new Error('RESULTS has no consumer');
  return definition;
}

/**
 * Turns RESULTS messages into deliveries until `signal` is aborted. While the database does not take a delivery, its
 * message stays in flight and nothing more is pulled.
 */
export async function runIntake(deps: IntakeDeps, signal: AbortSignal): Promise<void> {
  const learned = { bringsDelivery: true };
  const handle = (message: Delivered) => take(message, learned, deps);
  await consume(deps.connection, isTracing() ? (message) => traced(message, handle) : handle, {
    definition: RESULTS_CONSUMER,
    concurrency: CONCURRENCY,
    signal,
    onInterruption: (error) => {
      deps.metrics.interruption('intake');
      deps.logger.warn(errorFields(error), 'intake.interrupted');
    },
    untilReady: async () => {
      await deps.health.untilUp(signal);
      await deps.deliveries.untilFlowing(signal);
    },
  });
}

/** In a span below that of its publishing. */
const traced = (message: Delivered, handle: (message: Delivered) => Promise<Outcome>): Promise<Outcome> => {
  const traceparent = message.header('traceparent');
  return inSpan(
    'process callback',
    SpanKind.CONSUMER,
    contextOf(traceparent),
    (span) => {
      span.setAttributes({
        'messaging.system': 'nats',
        'messaging.operation.type': 'process',
        'messaging.destination.name': message.stream,
        'pressferry.delivery': message.delivery,
      });
      return handle(message);
    },
    placeOfDelivery(message, traceparent),
  );
};

/** What earlier messages say about the next one. */
interface Learned {
  /** Enricher stores the delivery with the result: usually a claim is all there is to do. */
  bringsDelivery: boolean;
}

async function take(message: Delivered, learned: Learned, deps: IntakeDeps): Promise<Outcome> {
  const result = decode(message.data);
  if (result === null) return giveUp(message, null, 'result_undecodable', deps);
  const { directory, metrics, worker } = deps;
  const { resultId, requestId, siteId } = result;
  // Before the sites have been read, the worker holds what cannot be pushed.
  const status = !directory.isReady() || isPushable(directory.find(siteId)) ? 'pending' : 'held';
  try {
    const replay = message.header(REPLAY_HEADER) ?? null;
    const isPlain = replay === null && status === 'pending' && learned.bringsDelivery;
    if (isPlain && (await worker.announce(siteId, resultId))) {
      metrics.intake('claimed');
      return { kind: 'done' };
    }
    const stored = await deps.deliveries.write({ resultId, requestId, siteId, status, replay });
    metrics.intake(stored);
    learned.bringsDelivery = stored === 'duplicate';
    if (stored === 'erased') return { kind: 'drop', reason: 'result_erased' };
    if (status === 'pending' && stored !== 'duplicate') worker.kick(siteId);
    return { kind: 'done' };
  } catch (error) {
    if (error instanceof BatcherStopped) return { kind: 'retry', delayMs: 0, reason: 'stopping' };
    if (!(error instanceof UnstorableRow)) throw error;
    return giveUp(message, result, 'delivery_unstorable', deps);
  }
}

function decode(data: Uint8Array): ResultMessage | null {
  try {
    const result = decodeResult(data);
    return UUID.test(result.resultId) && UUID.test(result.requestId) ? result : null;
  } catch {
    return null;
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

async function giveUp(
  message: Delivered,
  result: ResultMessage | null,
  reason: 'result_undecodable' | 'delivery_unstorable',
  { publishDeadLetter, metrics, logger }: IntakeDeps,
): Promise<Outcome> {
  const { requestId, runId } = result ?? {};
  const outcome = await giveUpMessage(message, { reason, requestId, runId }, { stage: 'callback', publishDeadLetter });
  if (outcome.kind === 'retry') return outcome;
  metrics.intake(reason === 'result_undecodable' ? 'undecodable' : 'unstorable');
  logger.error({ stream: message.stream, sequence: message.sequence, reason }, 'intake.given_up');
  return outcome;
}
