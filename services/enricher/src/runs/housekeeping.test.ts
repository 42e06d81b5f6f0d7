import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pauseAfter } from './housekeeping.ts';

test('the longer counting the queue takes, the more seldom it is done: a hundredth of the time at most', () => {
  assert.equal(pauseAfter(1, 3_600_000), 5_000);
  assert.equal(pauseAfter(120, 3_600_000), 12_000);
  assert.equal(pauseAfter(120, 1_000), 1_000);
});
