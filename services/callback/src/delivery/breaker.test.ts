import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBreaker } from './breaker.ts';

const settings = { failures: 3, probeMinMs: 1_000, probeMaxMs: 4_000 };
const breaker = () => createBreaker(settings, () => 0.5);

test('a site in order has its whole limit, less what is in hand', () => {
  const { allowance } = breaker();
  assert.equal(allowance('a', 0, 4, 0), 4);
  assert.equal(allowance('a', 3, 4, 0), 1);
  assert.equal(allowance('a', 5, 4, 0), 0);
});

test('a site that failed gets one attempt at a time, without a pause, until it succeeds', () => {
  const { allowance, failed, succeeded, isFailing } = breaker();
  failed('a', 0);
  assert.equal(isFailing('a'), true);
  assert.equal(allowance('a', 0, 4, 0), 1);
  assert.equal(allowance('a', 1, 4, 0), 0);
  succeeded('a');
  assert.equal(isFailing('a'), false);
  assert.equal(allowance('a', 1, 4, 0), 3);
});

test('after straight failures one probe at a time is made, ever more rarely, and other sites are not held', () => {
  const { allowance, failed, isOpen } = breaker();
  for (let times = 0; times < 3; times++) failed('a', 0);
  assert.equal(isOpen('a'), true);
  assert.equal(allowance('a', 0, 4, 999), 0);
  assert.equal(allowance('a', 0, 4, 1_000), 1);
  assert.equal(allowance('a', 1, 4, 1_000), 0);
  assert.equal(allowance('b', 0, 4, 0), 4);
  failed('a', 1_000);
  assert.equal(allowance('a', 0, 4, 2_999), 0);
  assert.equal(allowance('a', 0, 4, 3_000), 1);
  failed('a', 3_000);
  failed('a', 7_000);
  assert.equal(allowance('a', 0, 4, 11_000), 1, 'the pause does not grow beyond its bound');
});

test('attempts that began before the breaker opened do not lengthen the pause', () => {
  const { allowance, failed } = breaker();
  for (let times = 0; times < 8; times++) failed('a', 0);
  assert.equal(allowance('a', 0, 4, 1_000), 1);
});

test('a success in between begins the count anew; one while open ends it and says so', () => {
  const { failed, succeeded, isOpen, openSites } = breaker();
  failed('a', 0);
  failed('a', 0);
  assert.equal(succeeded('a'), false);
  failed('a', 0);
  assert.equal(isOpen('a'), false);
  failed('a', 0);
  failed('a', 0);
  assert.deepEqual(openSites(), ['a']);
  assert.equal(succeeded('a'), true);
  assert.deepEqual(openSites(), []);
});
