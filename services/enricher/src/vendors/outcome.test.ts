import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { retryDelayMs } from './backoff.ts';
import { type Answer, parseRetryAfter, refusal } from './outcome.ts';

const NOW_MS = Date.parse('2026-11-24T05:00:00Z');
const answered = (status: number, headers: Record<string, string> = {}): Answer => ({
  kind: 'answered',
  status,
  headers,
  body: '',
});

test('network faults, 408, 409, 425, 429 and 5xx are tried again; any other refusal is final', () => {
  for (const status of [408, 409, 425, 429, 500, 502, 503, 504, 599])
    assert.equal(refusal(answered(status), NOW_MS)?.kind, 'retry', String(status));
  for (const status of [301, 302, 307, 308, 400, 401, 403, 404, 405, 410, 413, 422])
    assert.equal(refusal(answered(status), NOW_MS)?.kind, 'failed', String(status));
  for (const status of [200, 201, 204, 207]) assert.equal(refusal(answered(status), NOW_MS), null, String(status));
  assert.equal(refusal({ kind: 'fault', code: 'timeout' }, NOW_MS)?.kind, 'retry');
  assert.equal(refusal({ kind: 'fault', code: 'network_error' }, NOW_MS)?.kind, 'retry');
  assert.equal(refusal({ kind: 'fault', code: 'answer_too_large' }, NOW_MS)?.kind, 'failed');
});

test('Retry-After is understood as seconds and as an HTTP date', () => {
  assert.equal(parseRetryAfter('3', NOW_MS), 3_000);
  assert.equal(parseRetryAfter('0.5', NOW_MS), 500);
  assert.equal(parseRetryAfter('Tue, 24 Nov 2026 05:00:07 GMT', NOW_MS), 7_000);
  assert.equal(parseRetryAfter('Tue, 24 Nov 2026 04:00:00 GMT', NOW_MS), 0);
  for (const text of ['soon', '-1', '', 'NaN', '1e9', '2026-11-24'])
    assert.equal(parseRetryAfter(text, NOW_MS), null, text);
  assert.equal(parseRetryAfter(undefined, NOW_MS), null);
});

test('the delay is never above the cap, never below a Retry-After within it, and never above the exponential', () => {
  const rule = fc.record({
    maxAttempts: fc.constant(5),
    baseMs: fc.integer({ min: 1, max: 60_000 }),
    capMs: fc.integer({ min: 1, max: 3_600_000 }),
  });
  const random = fc.double({ min: 0, max: 1, noNaN: true });
  const asked = fc.option(fc.integer({ min: 0, max: 10_000_000 }), { nil: undefined });
  fc.assert(
    fc.property(rule, fc.integer({ min: 1, max: 100 }), asked, random, (retry, attempt, retryAfterMs, drawn) => {
      const delayMs = retryDelayMs(retry, attempt, retryAfterMs, () => drawn);
      const floorMs = Math.min(retryAfterMs ?? 0, retry.capMs);
      assert.ok(delayMs >= floorMs && delayMs <= retry.capMs);
      assert.ok(delayMs <= Math.max(floorMs, Math.ceil(retry.baseMs * 2 ** (attempt - 1))));
    }),
  );
});
