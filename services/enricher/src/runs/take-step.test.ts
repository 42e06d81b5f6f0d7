import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileAutomation } from '../automations/compile.ts';
import { fileSchema } from '../automations/schema.ts';
import type { Vendor } from '../automations/vendors.ts';
import type { ClaimedRun } from '../db/claim-runs.ts';
import type { CallOutcome } from '../model.ts';
import { takeStep } from './take-step.ts';

const steps = [{ name: 'ask', type: 'llm', vendor: 'llm', prompt: 'hi' }];
const [definition] = fileSchema.parse({ automations: [{ name: 'asked', on: ['post.published'], steps }] }).automations;
assert.ok(definition !== undefined);
const automations = new Map([['asked', compileAutomation(definition, (_, text) => assert.fail(text))]]);
const DAY_MS = 86_400_000;
const retry = { maxAttempts: null, baseMs: 1, capMs: 1, forMs: DAY_MS, waitMs: DAY_MS, holdMs: DAY_MS };

/** What becomes of a step that was first looked at so long ago; null: never. */
async function taken(code: 'rate_limited' | 'budget_exhausted', sinceMs: number | null) {
  const started_at = sinceMs === null ? null : new Date(Date.now() - sinceMs).toISOString();
  const counts = { attempt_count: 0, lost_count: 0, sealed_output: null };
  const step = { position: 0, name: 'ask', type: 'llm', vendor: 'llm', status: 'pending', started_at, ...counts };
  const ids = { run_id: 'r', request_id: 'q', site_id: 's', idempotency_key: 'k', traceparent: null };
  const automation = { automation: 'asked', automation_version: null, created_at: new Date(), was_lost: false };
  const parked: CallOutcome = { kind: 'parked', code, delayMs: 20_000, statusCode: null };
  return takeStep({ ...ids, ...automation, steps: [step] } as unknown as ClaimedRun, { retry } as unknown as Vendor, {
    automations,
    pinned: async () => undefined,
    keyring: { seal: (text) => String(text) },
    content: { do: async () => assert.fail('nothing is to be rendered') },
    unknownGraceMs: 0,
    random: () => 0,
    call: async () => parked,
  });
}

test('a call that finds no room under the limits of its vendor waits without an attempt, and fails after wait_ms', async () => {
  for (const sinceMs of [null, 1_000, DAY_MS - 60_000]) {
    const { attempt, unattempted, next } = await taken('rate_limited', sinceMs);
    assert.deepEqual([attempt, unattempted?.kind, next], [null, 'wait', { kind: 'again', delayMs: 20_000 }]);
  }
  const { attempt, next } = await taken('rate_limited', DAY_MS);
  assert.equal(attempt?.code, 'rate_limited');
  assert.deepEqual(next.kind === 'end' && next.failure, { code: 'rate_limited', step: 'ask' });
});

test('a call that a budget holds waits for as long as the budget does', async () => {
  const { attempt, unattempted, next } = await taken('budget_exhausted', 40 * DAY_MS);
  assert.deepEqual([attempt, unattempted, next], [null, undefined, { kind: 'again', delayMs: 20_000 }]);
});
