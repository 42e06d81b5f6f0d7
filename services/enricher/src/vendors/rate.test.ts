import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allowanceOf, countedTokens, paceMs, type RateState } from './rate.ts';

const NONE = { requestsPerMinute: null, tokensPerMinute: null, concurrency: null };
const EMPTY: RateState = { requests: 0, tokens: 0, inFlight: 0, nextInMs: -60_000, firstEndsInMs: null };

test('without a limit of its kind nothing is held back', () => {
  assert.deepEqual(allowanceOf({ ...EMPTY, inFlight: 99 }, { ...NONE, requestsPerMinute: 60_000 }, 16, 0).calls, 16);
  assert.equal(allowanceOf({ ...EMPTY, requests: 9_999 }, { ...NONE, concurrency: 100 }, 16, 0).calls, 16);
});

test('calls are spread over the minute: a second of the pace at once after a quiet while, then one by one', () => {
  const rule = { ...NONE, requestsPerMinute: 600 };
  const first = allowanceOf(EMPTY, rule, 100, 0);
  assert.deepEqual([first.calls, first.by], [11, 'requests']);
  assert.equal(first.waitMs, 100);
  assert.equal(allowanceOf({ ...EMPTY, requests: 11, nextInMs: 100 }, rule, 100, 0).calls, 0);
  assert.equal(allowanceOf({ ...EMPTY, requests: 11, nextInMs: 0 }, rule, 100, 0).calls, 1);
});

test('the limit that holds calls back is named, with when to look again', () => {
  const rule = { requestsPerMinute: 10, tokensPerMinute: 1_000, concurrency: 3 };
  const state = { ...EMPTY, firstEndsInMs: 4_000 };
  assert.deepEqual(allowanceOf({ ...state, requests: 10 }, rule, 4, 0).by, 'requests');
  assert.equal(allowanceOf({ ...state, requests: 10 }, rule, 4, 0).waitMs, 4_000);
  assert.deepEqual(allowanceOf({ ...state, tokens: 950 }, rule, 4, 100).by, 'tokens');
  const full = allowanceOf({ ...state, inFlight: 3 }, rule, 4, 0);
  assert.deepEqual([full.calls, full.by, full.waitMs], [0, 'concurrency', null]);
});

test('a call that alone is more than the limit takes a whole minute of tokens, and no more', () => {
  const rule = { ...NONE, tokensPerMinute: 1_000 };
  assert.equal(countedTokens(rule, 5_000), 1_000);
  assert.equal(allowanceOf(EMPTY, rule, 4, 1_000).calls, 1);
  assert.equal(paceMs(rule, 1_000), 60_000);
});

test('whatever comes, and however long calls take to arrive, no minute at the vendor holds more than is allowed', () => {
  const rules = fc.record({
    requestsPerMinute: fc.option(fc.integer({ min: 1, max: 40 })),
    tokensPerMinute: fc.option(fc.integer({ min: 100, max: 3_000 })),
    concurrency: fc.option(fc.integer({ min: 1, max: 5 })),
  });
  const steps = fc.array(
    fc.record({
      afterMs: fc.nat({ max: 9_000 }),
      wanted: fc.integer({ min: 1, max: 20 }),
      tokens: fc.nat({ max: 900 }),
      arrivesMs: fc.nat({ max: 5_000 }),
      takesMs: fc.nat({ max: 5_000 }),
    }),
    { maxLength: 120 },
  );
  fc.assert(
    fc.property(rules, steps, (rule, all) => {
      const calls: { arrivedMs: number; endedMs: number; tokens: number }[] = [];
      let [nowMs, nextMs] = [0, 0];
      for (const { afterMs, wanted, tokens, arrivesMs, takesMs } of all) {
        nowMs += afterMs;
        const counting = calls.filter(({ endedMs }) => endedMs + 60_000 > nowMs);
        const ends = counting.map(({ endedMs }) => endedMs + 60_000 - nowMs);
        const each = countedTokens(rule, tokens);
        const state = {
          requests: counting.length,
          tokens: counting.reduce((sum, call) => sum + call.tokens, 0),
          inFlight: counting.filter(({ endedMs }) => endedMs > nowMs).length,
          nextInMs: nextMs - nowMs,
          firstEndsInMs: ends.length === 0 ? null : Math.min(...ends),
        };
        const allowance = allowanceOf(state, rule, wanted, each);
        assert.ok(allowance.calls <= wanted && (allowance.calls === wanted || allowance.by !== null));
        nextMs = nowMs + allowance.nextInMs;
        for (let call = 0; call < allowance.calls; call++)
          calls.push({ arrivedMs: nowMs + arrivesMs, endedMs: nowMs + arrivesMs + takesMs, tokens: each });
        assert.ok(calls.filter(({ endedMs }) => endedMs > nowMs).length <= (rule.concurrency ?? 9_999));
      }
      for (const { arrivedMs: fromMs } of calls) {
        const within = calls.filter(({ arrivedMs }) => arrivedMs >= fromMs && arrivedMs < fromMs + 60_000);
        assert.ok(within.length <= (rule.requestsPerMinute ?? 9_999));
        assert.ok(within.reduce((sum, { tokens }) => sum + tokens, 0) <= (rule.tokensPerMinute ?? 1e9));
      }
    }),
  );
});
