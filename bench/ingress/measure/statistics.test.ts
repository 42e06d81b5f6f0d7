import assert from 'node:assert/strict';
import { test } from 'node:test';
import { percentiles, slope, spread } from './statistics.ts';

test('percentiles are measured values, by nearest rank', () => {
  const values = Float64Array.from({ length: 200 }, (_, at) => 200 - at);
  assert.deepEqual(percentiles(values), { count: 200, p50: 100, p95: 190, p99: 198, max: 200 });
  assert.deepEqual(percentiles(new Float64Array(0)), { count: 0, p50: 0, p95: 0, p99: 0, max: 0 });
});

test('a spread leaves out what was not measured', () => {
  assert.deepEqual(spread([3, 1, Number.NaN, 2]), { min: 1, median: 2, max: 3, n: 3 });
  assert.deepEqual(spread([4, 1]), { min: 1, median: 2.5, max: 4, n: 2 });
});

test('the slope of a line is its slope, whatever its height', () => {
  assert.equal(
    slope([
      [1, 10],
      [2, 12],
      [3, 14],
    ]),
    2,
  );
});
