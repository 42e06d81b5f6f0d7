import { randomUUID } from 'node:crypto';
import { runId } from '@pressferry/contracts';
import { eventBodyContext, isSealedBody, type Keyring } from '@pressferry/runtime';
import type { Automation } from '../automations/compile.ts';
import { matching } from '../automations/match.ts';
import type { NewEvent } from '../db/store-events.ts';
import type { DecodedEvent } from './decode.ts';
import type { SiteLabels } from './site-labels.ts';

export interface NewEventDeps {
  automations: Iterable<Automation>;
  keyring: Pick<Keyring, 'seal'>;
  labels: Pick<SiteLabels, 'of'>;
}

/** Seals the body, and adds a run for each automation that matches. */
export function newEvent(
  { event, fingerprint, occurredAt, data }: DecodedEvent,
  traceparent: string,
  { automations, keyring, labels }: NewEventDeps,
): NewEvent {
  const { requestId, siteId, idempotencyKey, eventType, objectRef, mode } = event;
  const facts = { siteId, labels: labels.of(siteId), event_type: eventType, object_ref: objectRef, data };
  return {
    request_id: requestId,
    site_id: siteId,
    idempotency_key: idempotencyKey,
    event_type: eventType,
    object_ref: objectRef,
    occurred_at: occurredAt,
    received_at: new Date(event.receivedAtMs).toISOString(),
    mode,
    fingerprint,
    traceparent,
    sealed_body: isSealedBody(event.body)
      ? Buffer.from(event.body).toString('latin1')
      : keyring.seal(event.body, eventBodyContext(requestId)),
    runs: matching(automations, facts).map(({ name, steps, modeFor, version }) => ({
      run_id: runId(requestId, name),
      automation: name,
      version,
      isDry: mode === 'dry_run' || modeFor(siteId) === 'dry_run',
      steps: steps.map(({ name: step, type, vendor }, position) => ({ position, name: step, type, vendor })),
    })),
  };
}

/**
 * An event without a sender's content, of the same site, kind, times and automations: a database may refuse some of
 * these (a missing partition, say) without any event's fault.
 */
export function canaryOf(event: NewEvent): NewEvent {
  return {
    ...event,
    request_id: randomUUID(),
    idempotency_key: randomUUID(),
    object_ref: 'canary',
    fingerprint: 'canary',
    traceparent: null,
    sealed_body: 'canary',
    runs: event.runs.map((run) => ({ ...run, run_id: randomUUID() })),
  };
}
