import { setTimeout as delay } from 'node:timers/promises';
import type { Delivered, Outcome } from '@pressferry/jetstream';
import {
  activeTraceparent,
  contextOf,
  errorFields,
  inSpan,
  type Keyring,
  type Logger,
  placeOfDelivery,
  SealingKeyMissing,
  SpanKind,
  traceparentOr,
} from '@pressferry/runtime';
import { type Batcher, BatcherStopped, type PublishDeadLetter, UnstorableRow } from '@pressferry/worker';
import type { Automation } from '../automations/compile.ts';
import type { NewEvent, Stored } from '../db/store-events.ts';
import { reached } from '../fault-points.ts';
import type { IntakeOutcome, Metrics } from '../metrics.ts';
import { type DecodedEvent, decode } from './decode.ts';
import { giveUp } from './give-up.ts';
import { type Judge, newEvent } from './new-event.ts';
import type { SiteLabels } from './site-labels.ts';

export interface IntakeDeps {
  automations: Iterable<Automation>;
  batcher: Pick<Batcher<NewEvent, Stored>, 'write'>;
  keyring: Pick<Keyring, 'seal' | 'open'>;
  judge: Judge;
  labels: Pick<SiteLabels, 'of'>;
  publishDeadLetter: PublishDeadLetter;
  metrics: Pick<Metrics, 'event' | 'intakeLag'>;
  logger: Logger;
}

/** A missing key comes with a new configuration, and so with a new process; the pause grows. */
const KEY_MISSING_RETRY_MS = 5_000;
const KEY_MISSING_RETRIES = 12;
const UNSETTLED_RETRY_MS = 50;
const UNSETTLED_TRIES = 40;
/** Their thread may only have waited for a processor. Fewer than the deliveries after which an event is handled alone. */
const UNDECIDED_TRIES = 4;
const UNDECIDED_RETRY_MS = 15_000;

/**
 * Stores an event with a run for each matching automation, or a dead letter. Waits for the database; calls `onHeld` if
 * it does not accept the event at once.
 */
export async function takeEvent(message: Delivered, deps: IntakeDeps, onHeld?: () => void): Promise<Outcome> {
  reached('event.delivered');
  const decoded = open(message, deps);
  if (decoded === 'key_missing') {
    const delayMs = KEY_MISSING_RETRY_MS * Math.min(message.delivery, KEY_MISSING_RETRIES);
    return { kind: 'retry', delayMs, reason: 'key_missing' };
  }
  const traceparent = traceparentOr(message.header('traceparent'));
  return inSpan(
    'process enricher',
    SpanKind.CONSUMER,
    contextOf(traceparent),
    async (span) => {
      span.setAttributes({
        'messaging.system': 'nats',
        'messaging.operation.type': 'process',
        'messaging.destination.name': message.stream,
        'pressferry.delivery': message.delivery,
      });
      const ids = { stream: message.stream, sequence: message.sequence, delivery: message.delivery };
      if (decoded === null) {
        const outcome = await giveUp(message, null, { ...deps, reason: 'event_undecodable' });
        deps.metrics.event(outcome.kind === 'drop' ? 'undecodable' : 'retry');
        deps.logger.error({ ...ids, outcome: 'undecodable' }, 'event.taken_in');
        return outcome;
      }
      const event = await newEvent(decoded, activeTraceparent() ?? traceparent, deps);
      if ('undecided' in event) return undecided(message, { decoded, automations: event.undecided }, deps);
      const { outcome, label, error } = await store(message, { decoded, event, onHeld }, deps);
      deps.metrics.event(label);
      if (label === 'stored' || label === 'unmatched')
        deps.metrics.intakeLag((Date.now() - decoded.event.receivedAtMs) / 1_000);
      const { request_id, idempotency_key, site_id, event_type } = event;
      const runs = event.runs.length;
      const fields = { ...ids, request_id, idempotency_key, site_id, event_type, runs, outcome: label };
      const level = LEVELS[label] ?? 'info';
      deps.logger[level](error === undefined ? fields : { ...fields, ...errorFields(error) }, 'event.taken_in');
      return outcome;
    },
    placeOfDelivery(message, traceparent),
  );
}

async function undecided(
  message: Delivered,
  { decoded, automations }: { decoded: DecodedEvent; automations: string[] },
  deps: IntakeDeps,
): Promise<Outcome> {
  const { stream, sequence, delivery } = message;
  const ids = { stream, sequence, delivery, request_id: decoded.event.requestId };
  deps.logger.error({ ...ids, automations }, 'conditions.too_slow');
  const outcome: Outcome =
    delivery < UNDECIDED_TRIES
      ? { kind: 'retry', delayMs: UNDECIDED_RETRY_MS * delivery, reason: 'condition_too_slow' }
      : await giveUp(message, decoded, { ...deps, reason: 'condition_too_slow' });
  deps.metrics.event(outcome.kind === 'drop' ? 'undecided' : 'retry');
  return outcome;
}

/** An event that cannot be opened is held, so a wrong SEALING_KEYS loses nothing; the log names the key. */
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

interface Storing {
  decoded: DecodedEvent;
  event: NewEvent;
  onHeld: (() => void) | undefined;
}

interface Taken {
  outcome: Outcome;
  label: IntakeOutcome;
  error?: unknown;
}

async function store(message: Delivered, { decoded, event, onHeld }: Storing, deps: IntakeDeps): Promise<Taken> {
  let stored: Stored;
  try {
    stored = await settled(() => deps.batcher.write(event, onHeld));
    reached('event.stored');
  } catch (error) {
    if (error instanceof BatcherStopped)
      return { outcome: { kind: 'retry', delayMs: 0, reason: 'stopping' }, label: 'retry' };
    if (!(error instanceof UnstorableRow)) throw error;
    const outcome = await giveUp(message, decoded, { ...deps, reason: 'event_unstorable' });
    return { outcome, label: outcome.kind === 'drop' ? 'unstorable' : 'retry', error: error.cause };
  }
  if (stored === 'unsettled') {
    return { outcome: { kind: 'retry', delayMs: 0, reason: 'event_unsettled' }, label: 'retry' };
  }
  if (stored === 'conflict') {
    // Ingress refuses this within its window; beyond it the first body stays valid.
    const outcome = await giveUp(message, decoded, { ...deps, reason: 'idempotency_conflict' });
    return { outcome, label: outcome.kind === 'drop' ? 'conflict' : 'retry' };
  }
  if (stored === 'erased') return { outcome: { kind: 'drop', reason: 'event_erased' }, label: 'erased' };
  if (stored === 'duplicate') return { outcome: { kind: 'done' }, label: 'duplicate' };
  if (event.mode === 'dry_run') return { outcome: { kind: 'done' }, label: 'dry_run' };
  return { outcome: { kind: 'done' }, label: event.runs.length === 0 ? 'unmatched' : 'stored' };
}

/** Asks again while another process is storing the event. */
async function settled(write: () => Promise<Stored>): Promise<Stored> {
  for (let tries = 1; ; tries++) {
    const stored = await write();
    if (stored !== 'unsettled' || tries === UNSETTLED_TRIES) return stored;
    await delay(UNSETTLED_RETRY_MS);
  }
}
