import { fingerprint, runId } from '@pressferry/contracts';
import type { Delivered, Outcome } from '@pressferry/jetstream';
import {
  activeTraceparent,
  contextOf,
  errorFields,
  eventBodyContext,
  inSpan,
  isSealedBody,
  type Keyring,
  type Logger,
  SealingKeyMissing,
  SpanKind,
  traceparentOr,
} from '@pressferry/runtime';
import { type DatabaseHealth, isRowFault, type PublishDeadLetter } from '@pressferry/worker';
import type { Automation } from '../automations/compile.ts';
import { matching } from '../automations/match.ts';
import type { NewEvent, Stored } from '../db/store-events.ts';
import type { IntakeOutcome, Metrics } from '../metrics.ts';
import type { EventBatcher } from './batch.ts';
import { type DecodedEvent, decode } from './decode.ts';

export interface IntakeDeps {
  automations: Iterable<Automation>;
  batcher: EventBatcher;
  health: Pick<DatabaseHealth, 'suspect'>;
  keyring: Pick<Keyring, 'seal' | 'open'>;
  publishDeadLetter: PublishDeadLetter;
  metrics: Pick<Metrics, 'event' | 'intakeLag'>;
  logger: Logger;
  /** Called with the vendors that got something to do. */
  onRuns: (vendors: string[]) => void;
}

const RETRY_MS = 2_000;
/** A missing key comes with a new configuration, and so with a new process. */
const KEY_MISSING_RETRY_MS = 5_000;

/** Takes in one message of EVENTS: stores the event with a run for every matching automation, or keeps it as a dead letter. */
export async function takeEvent(message: Delivered, deps: IntakeDeps): Promise<Outcome> {
  const decoded = open(message, deps);
  if (decoded === 'key_missing') return { kind: 'retry', delayMs: KEY_MISSING_RETRY_MS, reason: 'key_missing' };
  const traceparent = traceparentOr(message.header('traceparent'));
  return inSpan('process enricher', SpanKind.CONSUMER, contextOf(traceparent), async (span) => {
    span.setAttributes({
      'messaging.system': 'nats',
      'messaging.operation.type': 'process',
      'messaging.destination.name': message.stream,
    });
    const ids = { stream: message.stream, sequence: message.sequence, delivery: message.delivery };
    if (decoded === null) {
      const outcome = await giveUp(message, null, { reason: 'event_undecodable', deps });
      deps.metrics.event(outcome.kind === 'drop' ? 'undecodable' : 'retry');
      deps.logger.error({ ...ids, outcome: 'undecodable' }, 'event.taken_in');
      return outcome;
    }
    const event = newEvent(decoded, activeTraceparent() ?? traceparent, deps);
    const { outcome, label, error } = await store(message, decoded, event, deps);
    deps.metrics.event(label);
    if (label === 'stored' || label === 'unmatched')
      deps.metrics.intakeLag((Date.now() - decoded.event.receivedAtMs) / 1_000);
    const level = LEVELS[label] ?? 'info';
    const { request_id, idempotency_key, site_id, event_type } = event;
    const runs = event.runs.length;
    deps.logger[level](
      {
        ...ids,
        request_id,
        idempotency_key,
        site_id,
        event_type,
        runs,
        outcome: label,
        ...(error === undefined ? {} : errorFields(error)),
      },
      'event.taken_in',
    );
    return outcome;
  });
}

/** Holding an event that cannot be opened is the remedy of a wrong SEALING_KEYS: nothing is lost, and the log names the key. */
function open(message: Delivered, { keyring, metrics, logger }: IntakeDeps): DecodedEvent | null | 'key_missing' {
  try {
    return decode(message.data, keyring);
  } catch (error) {
    if (!(error instanceof SealingKeyMissing)) throw error;
    metrics.event('retry');
    const { stream, sequence, delivery } = message;
    logger.error({ stream, sequence, delivery, outcome: 'key_missing', key_id: error.keyId }, 'event.taken_in');
    return 'key_missing';
  }
}

const LEVELS: Partial<Record<IntakeOutcome, 'warn' | 'error'>> = {
  retry: 'warn',
  conflict: 'error',
  unstorable: 'error',
};

function newEvent({ event, body, occurredAt, data }: DecodedEvent, traceparent: string, deps: IntakeDeps): NewEvent {
  const { requestId, siteId, idempotencyKey, eventType, objectRef, mode } = event;
  const facts = { siteId, event_type: eventType, object_ref: objectRef, data };
  return {
    request_id: requestId,
    site_id: siteId,
    idempotency_key: idempotencyKey,
    event_type: eventType,
    object_ref: objectRef,
    occurred_at: occurredAt,
    received_at: new Date(event.receivedAtMs).toISOString(),
    mode,
    fingerprint: fingerprint(body),
    traceparent,
    sealed_body: isSealedBody(event.body)
      ? Buffer.from(event.body).toString('latin1')
      : deps.keyring.seal(event.body, eventBodyContext(requestId)),
    runs: matching(deps.automations, facts).map(({ name, steps }) => ({
      run_id: runId(requestId, name),
      automation: name,
      steps: steps.map(({ name: step, type, vendor }, position) => ({ position, name: step, type, vendor })),
    })),
  };
}

interface Taken {
  outcome: Outcome;
  label: IntakeOutcome;
  error?: unknown;
}

async function store(message: Delivered, decoded: DecodedEvent, event: NewEvent, deps: IntakeDeps): Promise<Taken> {
  let stored: Stored;
  try {
    stored = await deps.batcher.store(event);
  } catch (error) {
    if (isRowFault(error)) {
      const outcome = await giveUp(message, decoded, { reason: 'event_unstorable', deps });
      return { outcome, label: outcome.kind === 'drop' ? 'unstorable' : 'retry', error };
    }
    deps.health.suspect();
    return { outcome: { kind: 'retry', delayMs: RETRY_MS, reason: 'event_not_stored' }, label: 'retry', error };
  }
  if (stored === 'unsettled') {
    return { outcome: { kind: 'retry', delayMs: RETRY_MS, reason: 'event_unsettled' }, label: 'retry' };
  }
  if (stored === 'conflict') {
    // Ingress refuses this within its window; beyond it the first body stays in force.
    const outcome = await giveUp(message, decoded, { reason: 'idempotency_conflict', deps });
    return { outcome, label: outcome.kind === 'drop' ? 'conflict' : 'retry' };
  }
  if (stored === 'erased') return { outcome: { kind: 'drop', reason: 'event_erased' }, label: 'erased' };
  if (stored === 'duplicate') return { outcome: { kind: 'done' }, label: 'duplicate' };
  if (event.mode === 'dry_run') return { outcome: { kind: 'done' }, label: 'dry_run' };
  deps.onRuns(event.runs.flatMap(({ steps }) => steps[0]?.vendor ?? []));
  return { outcome: { kind: 'done' }, label: event.runs.length === 0 ? 'unmatched' : 'stored' };
}

interface GivingUp {
  reason: string;
  deps: Pick<IntakeDeps, 'publishDeadLetter'>;
}

/** Keeps a message that can never be handled where a person sees it; it is tried again until DEADLETTERS has it. */
async function giveUp(message: Delivered, decoded: DecodedEvent | null, { reason, deps }: GivingUp): Promise<Outcome> {
  const { stream, sequence, subject, data } = message;
  const letter = {
    siteId: decoded?.event.siteId ?? subject.split('.')[3] ?? 'unknown',
    requestId: decoded?.event.requestId ?? '',
    runId: '',
    reason,
    stream,
    streamSequence: sequence,
    subject,
    message: data,
    tries: message.delivery,
  };
  const isKept = await deps.publishDeadLetter(letter, `enricher:${stream}:${sequence}`);
  return isKept ? { kind: 'drop', reason } : { kind: 'retry', delayMs: RETRY_MS, reason: 'dead_letter_not_stored' };
}
