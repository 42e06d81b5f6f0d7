import { randomUUID } from 'node:crypto';
import type { Settlement } from '../src/db/settle-step.ts';
import type { NewEvent } from '../src/db/store-events.ts';

/** An event that was accepted now, with one run of one step. */
export function newEvent(siteId: string, sealedBody = 'sealed'): NewEvent {
  const now = new Date().toISOString();
  const steps = [{ position: 0, name: 'summary', type: 'llm', vendor: 'llm' }];
  return {
    ...{ request_id: randomUUID(), site_id: siteId, idempotency_key: randomUUID(), event_type: 'post.published' },
    ...{ object_ref: '1', occurred_at: now, received_at: now, mode: 'live', fingerprint: 'none', traceparent: null },
    ...{
      sealed_body: sealedBody,
      runs: [{ run_id: randomUUID(), automation: 'a', version: '1', isDry: false, steps }],
    },
  };
}

/** Of that step, which ends its run. */
export function succeeded(sealedBody = 'sealed', sealedOutput = sealedBody): Settlement {
  const now = new Date();
  return {
    position: 0,
    attempt: { number: 1, startedAt: now, durationMs: 5, outcome: 'succeeded', statusCode: 200, code: null },
    sealedOutput,
    next: {
      kind: 'end',
      failure: null,
      result: { result_id: randomUUID(), sealed_body: sealedBody, completedAt: now },
    },
  };
}
