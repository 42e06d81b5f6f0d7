import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRateLimiter } from './rate-limit.ts';

test('a burst passes, then the steady rate, and a refusal says how long to wait', () => {
  const { take } = createRateLimiter();
  const rate = { perMinute: 60, burst: 3 };
  for (let times = 0; times < 3; times++) assert.equal(take('a', rate, 0), null);
  assert.equal(take('a', rate, 0), 1_000);
  assert.equal(take('a', rate, 400), 600);
  assert.equal(take('a', rate, 1_000), null);
  assert.equal(take('a', rate, 1_000), 1_000);
});

test('sites do not share a bucket, and a rate of 0 lifts the limit', () => {
  const { take } = createRateLimiter();
  const rate = { perMinute: 1, burst: 1 };
  assert.equal(take('a', rate, 0), null);
  assert.equal(take('a', rate, 0), 60_000);
  assert.equal(take('b', rate, 0), null);
  for (let times = 0; times < 100; times++) assert.equal(take('a', { perMinute: 0, burst: 1 }, 0), null);
});

test('refused polls do not lengthen the wait', () => {
  const { take } = createRateLimiter();
  const rate = { perMinute: 60, burst: 1 };
  take('a', rate, 0);
  for (let times = 0; times < 50; times++) take('a', rate, 500);
  assert.equal(take('a', rate, 1_000), null);
});
