import {
  decodeEvent,
  encodeEvent,
  eventMessageId,
  eventSubject,
  fingerprint,
  parseJson,
  requestId,
  shardOf,
} from '@pressferry/contracts';
import { ERROR_CODES, type Publisher, type PublishOutcome } from '@pressferry/jetstream';
import { type Keyring, openEventBody, sealEventBody } from '@pressferry/runtime';
import type { ReplayStore } from '@pressferry/sites';
import type { Metrics } from '../metrics.ts';
import { type Refusal, refuse } from '../model.ts';
import type { VerifiedEvent } from './verify.ts';

export interface Accepted {
  requestId: string;
  duplicate: boolean;
}

/** Reads a stored payload by its sequence; null if it is gone. Rejects if JetStream does not answer. */
export type ReadStored = (stream: string, sequence: number) => Promise<Uint8Array | null>;

export interface AcceptDeps {
  publisher: Publisher;
  replay: ReplayStore;
  readStored: ReadStored;
  keyring: Pick<Keyring, 'seal' | 'open'>;
  sealEvents: boolean;
  shards: number;
  metrics: Pick<Metrics, 'published' | 'replay'>;
  /** In whole seconds, while nothing can be stored. */
  outageRetryAfter: () => number;
}

/** How often to retry a key whose first event is still being written, before the sender must. */
const IN_PROCESS_TRIES = 20;
const IN_PROCESS_WAIT_MS = 50;

/**
 * Spends the token's id, then appends the event: two acknowledged writes. A token stays spent even if the event could
 * not be stored; the sender makes a new one for each try.
 */
export async function acceptEvent(
  event: VerifiedEvent,
  traceparent: string,
  deps: AcceptDeps,
): Promise<Accepted | Refusal> {
  const { site, envelope, claims } = event;
  const { metrics, outageRetryAfter } = deps;
  const begunMs = performance.now();
  const spent = await deps.replay.spend(site.siteId, claims.jti);
  const spentMs = performance.now();
  metrics.published('replay', (spentMs - begunMs) / 1000);
  metrics.replay(typeof spent === 'string' ? spent : 'unavailable');
  if (spent === 'replayed') return refuse('token_replayed');
  if (spent !== 'fresh') return unstored(spent, outageRetryAfter());
  const id = requestId(site.siteId, envelope.idempotency_key);
  const outcome = await append(event, id, traceparent, deps);
  metrics.published('events', (performance.now() - spentMs) / 1000);
  if (outcome.kind === 'stored') return { requestId: id, duplicate: false };
  if (outcome.kind !== 'duplicate') return unstored(outcome, outageRetryAfter());
  const same = await isSameEvent(event, outcome, deps).catch(() => null);
  if (same === null) return unavailable(outageRetryAfter());
  return same ? { requestId: id, duplicate: true } : refuse('idempotency_key_reused');
}

async function append(
  event: VerifiedEvent,
  id: string,
  traceparent: string,
  deps: AcceptDeps,
): Promise<PublishOutcome> {
  const { site, envelope, mode, body } = event;
  const key = envelope.idempotency_key;
  const receivedAtMs = Date.now();
  const subject = eventSubject(shardOf(site.siteId, deps.shards), site.siteId, envelope.event_type);
  const payload = encodeEvent({
    requestId: id,
    siteId: site.siteId,
    eventType: envelope.event_type,
    objectRef: envelope.object_ref,
    idempotencyKey: key,
    receivedAtMs,
    body: deps.sealEvents ? sealEventBody(deps.keyring, body, id) : body,
    mode,
  });
  const headers = {
    'Nats-Msg-Id': eventMessageId(site.siteId, key),
    'ce-specversion': '1.0',
    'ce-id': id,
    'ce-source': `pressferry:site:${site.siteId}`,
    'ce-type': envelope.event_type,
    'ce-time': envelope.occurred_at,
    traceparent,
  };
  let outcome = await deps.publisher.publish(subject, payload, headers);
  for (let tries = 1; isInProcess(outcome) && tries < IN_PROCESS_TRIES; tries++) {
    await new Promise((resolve) => setTimeout(resolve, IN_PROCESS_WAIT_MS));
    outcome = await deps.publisher.publish(subject, payload, headers);
  }
  return outcome;
}

const isInProcess = (outcome: PublishOutcome): boolean =>
  outcome.kind === 'refused' && outcome.errorCode === ERROR_CODES.duplicateInProcess;

/** A used key with the same event is a repeat; with another event, it is the sender's fault. */
async function isSameEvent(
  event: VerifiedEvent,
  place: { stream: string; sequence: number },
  { readStored, keyring }: Pick<AcceptDeps, 'readStored' | 'keyring'>,
): Promise<boolean> {
  const stored = await readStored(place.stream, place.sequence);
  // Erased or expired while its id is remembered: it was accepted.
  if (stored === null) return true;
  const { body, requestId: id } = decodeEvent(stored);
  const first = openEventBody(keyring, body, id);
  if (Buffer.compare(first, event.body) === 0) return true;
  return fingerprintOf(first) === fingerprintOf(event.body);
}

/** Of the text, because the parsed value has rounded long numbers. */
const fingerprintOf = (body: Uint8Array): string =>
  fingerprint(parseJson(Buffer.from(body).toString('utf8')) as Record<string, unknown>);

function unstored(outcome: PublishOutcome, outageSeconds: number): Refusal {
  const isFull =
    outcome.kind === 'refused' && (ERROR_CODES.streamFull as readonly number[]).includes(outcome.errorCode);
  // Room comes when enricher catches up or an operator acts.
  return isFull ? refuse('stream_full', { headers: { 'retry-after': '30' } }) : unavailable(outageSeconds);
}

/** 503: JetStream cannot be written or read. */
export const unavailable = (seconds: number): Refusal =>
  refuse('stream_unavailable', { headers: { 'retry-after': String(seconds) } });
