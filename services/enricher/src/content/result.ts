import { type ResultBody, resultId } from '@pressferry/contracts';
import type { Keyring } from '@pressferry/runtime';
import type { ClaimedRun } from '../db/claim-runs.ts';
import type { NewResult } from '../db/settle-step.ts';
import type { FailureCode } from '../model.ts';

/** WordPress must take it in one request. */
const MAX_RESULT_BYTES = 262_144;

/** A run's end as its site is told. */
export type Ending =
  | { status: 'succeeded'; output: Record<string, unknown> }
  | { status: 'failed'; error: { code: FailureCode; step: string } };

export type ResultRun = Pick<
  ClaimedRun,
  'run_id' | 'request_id' | 'idempotency_key' | 'event_type' | 'object_ref' | 'automation'
>;

/** Seals a run's result; null if it exceeds `MAX_RESULT_BYTES`. */
export function makeResult(run: ResultRun, ending: Ending, keyring: Pick<Keyring, 'seal'>): NewResult | null {
  const completedAt = new Date();
  const id = resultId(run.run_id);
  const body: ResultBody = {
    result_id: id,
    request_id: run.request_id,
    idempotency_key: run.idempotency_key,
    event_type: run.event_type,
    object_ref: run.object_ref,
    automation: run.automation,
    status: ending.status,
    output: ending.status === 'succeeded' ? ending.output : {},
    ...(ending.status === 'failed' ? { error: ending.error } : {}),
    completed_at: completedAt.toISOString(),
  };
  const text = JSON.stringify(body);
  if (Buffer.byteLength(text) > MAX_RESULT_BYTES) return null;
  return { result_id: id, sealed_body: keyring.seal(text, `result:${id}`), completedAt };
}
