import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextDelayMs, STANDARD_SCHEDULE_MS } from './schedule.ts';

const attempt = fc.integer({ min: 1, max: STANDARD_SCHEDULE_MS.length });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('every delay is its step, spread by at most a fifth', () => {
  fc.assert(
    fc.property(attempt, random, (number, chance) => {
      const stepMs = STANDARD_SCHEDULE_MS[number - 1] ?? 0;
      const delayMs = nextDelayMs({ attempt: number }, STANDARD_SCHEDULE_MS, () => chance) ?? 0;
      return delayMs >= stepMs * 0.8 && delayMs <= Math.ceil(stepMs * 1.2);
    }),
  );
});

test('a site can neither speed us up nor stall us by Retry-After', () => {
  fc.assert(
    fc.property(attempt, random, fc.nat({ max: 10 ** 12 }), (number, chance, retryAfterMs) => {
      const stepMs = STANDARD_SCHEDULE_MS[number - 1] ?? 0;
      const without = nextDelayMs({ attempt: number }, STANDARD_SCHEDULE_MS, () => chance) ?? 0;
      const delayMs = nextDelayMs({ attempt: number, retryAfterMs }, STANDARD_SCHEDULE_MS, () => chance) ?? 0;
      return delayMs >= without && delayMs <= Math.max(2 * stepMs, 60_000);
    }),
  );
});

test('a pause that a site asks for within these bounds is kept', () => {
  assert.equal(
    nextDelayMs({ attempt: 1, retryAfterMs: 45_000 }, STANDARD_SCHEDULE_MS, () => 0.5),
    45_000,
  );
  assert.equal(
    nextDelayMs({ attempt: 3, retryAfterMs: 200_000 }, STANDARD_SCHEDULE_MS, () => 0.5),
    200_000,
  );
});

test('after the last step there is no further attempt', () => {
  const last = STANDARD_SCHEDULE_MS.length;
  assert.notEqual(
    nextDelayMs({ attempt: last }, STANDARD_SCHEDULE_MS, () => 0),
    null,
  );
  assert.equal(
    nextDelayMs({ attempt: last + 1, retryAfterMs: 1_000 }, STANDARD_SCHEDULE_MS, () => 0),
    null,
  );
});

test('the standard schedule grows and lasts about three days', () => {
  assert.deepEqual(
    [...STANDARD_SCHEDULE_MS].sort((a, b) => a - b),
    [...STANDARD_SCHEDULE_MS],
  );
  const totalHours = STANDARD_SCHEDULE_MS.reduce((sum, stepMs) => sum + stepMs, 0) / 3_600_000;
  assert.ok(totalHours > 72 && totalHours < 78, `${totalHours} h`);
});
