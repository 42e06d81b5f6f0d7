import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CallOutcome, RetryRule } from '../model.ts';
import { following, LEAST_WAIT_MS, LONGEST_WAIT_MS, retryDelayMs } from './backoff.ts';

const [MINUTE_MS, HOUR_MS, DAY_MS] = [60_000, 3_600_000, 86_400_000];
/** The defaults. */
const RULE: RetryRule = {
  maxAttempts: null,
  baseMs: 1_000,
  capMs: 30 * MINUTE_MS,
  forMs: 2 * DAY_MS,
  waitMs: DAY_MS,
  holdMs: 7 * DAY_MS,
};
const DOWN = { kind: 'retry', code: 'vendor_unavailable', statusCode: 503 } as const;
const LIMITED = { kind: 'wait', code: 'rate_limited', statusCode: 429, isForAll: true } as const;
const DENIED = { kind: 'hold', code: 'vendor_denied', statusCode: 401, isCertain: true } as const;
type Failing = Extract<CallOutcome, { kind: 'retry' | 'wait' | 'hold' }>;

/** For how long a step is tried that fails each time, and how often. */
function lifeOf(outcome: Failing, rule: RetryRule, random: () => number) {
  let [ageMs, attempts, calls] = [0, 0, 0];
  for (;;) {
    calls++;
    const then = following(outcome, { attempts: attempts + 1, ageMs }, rule, random);
    if (then.kind === 'give_up') return { ageMs, calls, attempts };
    if (then.isAttempt) attempts++;
    ageMs += then.delayMs + 100;
  }
}

test('by default a step outlasts a vendor that is away for a day, with a bounded number of calls', () => {
  for (const luck of [0.1, 0.5, 1]) {
    const { ageMs, calls } = lifeOf(DOWN, RULE, () => luck);
    assert.ok(ageMs > 1.5 * DAY_MS && ageMs < 4 * DAY_MS, `${ageMs / DAY_MS} days`);
    assert.ok(calls < 2_000, `${calls}`);
  }
});

test('max_attempts bounds the attempts, and what an outcome allows does too', () => {
  assert.equal(lifeOf(DOWN, { ...RULE, maxAttempts: 3 }, Math.random).calls, 3);
  assert.equal(lifeOf({ ...DOWN, maxAttempts: 4 }, RULE, Math.random).calls, 4);
  assert.equal(lifeOf({ ...DOWN, maxAttempts: 4 }, { ...RULE, maxAttempts: 2 }, Math.random).calls, 2);
});

test('a wait is not an attempt, ends with its bound, and is as long as the vendor asks within an hour', () => {
  const { attempts, ageMs } = lifeOf(LIMITED, RULE, Math.random);
  assert.equal(attempts, 0);
  assert.ok(ageMs > 0.99 * DAY_MS && ageMs <= DAY_MS + LONGEST_WAIT_MS);
  fc.assert(
    fc.property(
      fc.option(fc.integer({ min: 1_000, max: 100 * HOUR_MS }), { nil: undefined }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (waitMs, luck) => {
        const asked = waitMs === undefined ? {} : { waitMs };
        const then = following({ ...LIMITED, ...asked }, { attempts: 99, ageMs: 0 }, RULE, () => luck);
        assert.ok(then.kind === 'again' && !then.isAttempt);
        const least = Math.min(LONGEST_WAIT_MS, waitMs ?? LEAST_WAIT_MS);
        assert.ok(then.delayMs >= least && then.delayMs <= least * 1.1 + 1);
      },
    ),
  );
});

test('a wait for no time is not asked for again and again: a day of it costs few calls', () => {
  for (const waitMs of [0, 1, 900]) {
    const first = following({ ...LIMITED, waitMs }, { attempts: 0, ageMs: 0 }, RULE, () => 0);
    assert.ok(first.kind === 'again' && first.delayMs <= 1_000);
    assert.ok(lifeOf({ ...LIMITED, waitMs }, RULE, () => 0).calls < DAY_MS / LEAST_WAIT_MS + 50);
  }
});

test('a hold is not an attempt and ends with its bound', () => {
  for (const outcome of [DENIED, { ...DENIED, statusCode: 403, isCertain: false }]) {
    const { attempts, ageMs } = lifeOf(outcome, { ...RULE, baseMs: MINUTE_MS }, () => 0.5);
    assert.equal(attempts, 0);
    assert.ok(ageMs > 7 * DAY_MS && ageMs < 7 * DAY_MS + 2 * HOUR_MS);
  }
});

test('a probe of a vendor that does not answer costs no attempt and ends no run in its time', () => {
  const probe = { ...DOWN, isProbe: true };
  const then = following(probe, { attempts: 1_000, ageMs: 3 * DAY_MS }, { ...RULE, maxAttempts: 5 }, Math.random);
  assert.ok(then.kind === 'again' && !then.isAttempt);
  assert.equal(following(probe, { attempts: 1, ageMs: 5 * DAY_MS }, RULE, Math.random).kind, 'give_up');
});

test('a step that was paused for days between two calls is tried again', () => {
  assert.equal(following(DOWN, { attempts: 2, ageMs: 3 * DAY_MS }, RULE, Math.random).kind, 'again');
});

test('the delay is never above the cap and never above the exponential', () => {
  const rule = fc.record({ baseMs: fc.integer({ min: 1, max: 60_000 }), capMs: fc.integer({ min: 1, max: HOUR_MS }) });
  fc.assert(
    fc.property(
      rule,
      fc.integer({ min: 1, max: 100 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (retry, attempt, luck) => {
        const delayMs = retryDelayMs(retry, attempt, () => luck);
        assert.ok(delayMs >= 0 && delayMs <= retry.capMs && delayMs <= Math.ceil(retry.baseMs * 2 ** (attempt - 1)));
      },
    ),
  );
});
