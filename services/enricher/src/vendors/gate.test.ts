import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGate } from './gate.ts';
import type { CallOutcome } from './outcome.ts';

const RULES = { maxConcurrency: 4, breaker: { failures: 3, openMs: 1_000 }, retry: { capMs: 60_000 } };
const OK: CallOutcome = { kind: 'succeeded', sealedOutput: '', statusCode: 200 };
const DOWN: CallOutcome = { kind: 'retry', code: 'vendor_unavailable', statusCode: 503 };
const REFUSED: CallOutcome = { kind: 'failed', code: 'vendor_refused', statusCode: 400 };

test('no more calls are in hand than allowed', () => {
  const gate = createGate(RULES);
  const leave = Array.from({ length: 4 }, () => gate.enter());
  assert.equal(gate.free(0), 0);
  leave[0]?.(OK, 0);
  assert.equal(gate.free(0), 1);
});

test('straight failures open it, then one call probes, and its success lets all through', () => {
  const gate = createGate(RULES);
  for (let count = 0; count < 3; count++) gate.enter()(DOWN, 0);
  assert.equal(gate.state(0), 'open');
  assert.equal(gate.free(999), 0);
  assert.equal(gate.opensAtMs(), 1_000);
  assert.equal(gate.free(1_000), 1);
  const leave = gate.enter();
  assert.equal(gate.free(1_000), 0);
  leave(OK, 1_100);
  assert.equal(gate.state(1_100), 'closed');
  assert.equal(gate.free(1_100), 4);
});

test('a probe that fails opens it again', () => {
  const gate = createGate(RULES);
  for (let count = 0; count < 3; count++) gate.enter()(DOWN, 0);
  gate.enter()(DOWN, 1_500);
  assert.equal(gate.free(2_499), 0);
  assert.equal(gate.free(2_500), 1);
});

test('a refusal shows that the vendor lives, and a call given up shows nothing', () => {
  const gate = createGate(RULES);
  for (const outcome of [DOWN, DOWN, REFUSED, DOWN, DOWN]) gate.enter()(outcome, 0);
  assert.equal(gate.state(0), 'closed');
  gate.enter()({ kind: 'abandoned' }, 0);
  assert.equal(gate.state(0), 'closed');
  gate.enter()(DOWN, 0);
  assert.equal(gate.state(0), 'open');
});

test('a rate limit with Retry-After holds back every run of the vendor, within the cap', () => {
  const gate = createGate(RULES);
  gate.enter()({ kind: 'retry', code: 'rate_limited', statusCode: 429, retryAfterMs: 5_000 }, 0);
  assert.equal(gate.free(4_999), 0);
  assert.equal(gate.free(5_000), 4);
  gate.enter()({ kind: 'retry', code: 'rate_limited', statusCode: 429, retryAfterMs: 86_400_000 }, 10_000);
  assert.equal(gate.free(70_000), 4);
});
