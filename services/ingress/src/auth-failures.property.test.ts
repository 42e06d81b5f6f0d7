import assert from 'node:assert/strict';
import { test } from 'node:test';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { AUTH_FAILURES, type AuthFailure, createAuthFailureCounts } from './auth-failures.ts';

const MINUTE_MS = 60_000;
const site = fc.integer({ min: 0, max: 60 }).map((number) => `site-${number}`);
const refusal = fc.record({
  afterMs: fc.integer({ min: 0, max: 3 * MINUTE_MS }),
  site,
  reason: fc.constantFrom(...AUTH_FAILURES),
  isRead: fc.boolean(),
});

property(
  'whatever sites forged requests name, twenty are told at most, and each with what its last ten minutes came to',
  fc.property(fc.array(refusal, { maxLength: 400 }), (refusals) => {
    let nowMs = 0;
    const authFailures = createAuthFailureCounts(() => nowMs);
    const counted: { site: string; reason: AuthFailure; minute: number }[] = [];
    for (const { afterMs, site: name, reason, isRead } of refusals) {
      nowMs += afterMs;
      authFailures.count(name, reason);
      const minute = Math.floor(nowMs / MINUTE_MS);
      counted.push({ site: name, reason, minute });
      if (!isRead) continue;
      const recent = counted.filter((each) => each.minute > minute - 10);
      const told = authFailures.worst();
      assert.ok(new Set(told.map((each) => each.site)).size <= 20);
      for (const each of told) {
        const expected = recent.filter((one) => one.site === each.site && one.reason === each.reason).length;
        assert.equal(each.count, expected, `${each.site} ${each.reason}`);
      }
      const often = Object.values(Object.groupBy(recent, (one) => one.site)).filter((list) => (list ?? []).length >= 5);
      assert.equal(authFailures.sites(), often.length);
      if (often.length <= 20) assert.equal(told.length, often.length * AUTH_FAILURES.length);
    }
  }),
);

test('a site keeps its place while others are forged more often, and gives it back when its window is over', () => {
  let nowMs = 0;
  const authFailures = createAuthFailureCounts(() => nowMs);
  const forge = (name: string, times: number): void => {
    for (let count = 0; count < times; count++) authFailures.count(name, 'signature');
  };
  const told = (): Set<string> => new Set(authFailures.worst().map((each) => each.site));
  for (let number = 0; number < 20; number++) forge(`first-${number}`, 5);
  assert.equal(told().size, 20);
  forge('later', 50);
  assert.ok(!told().has('later'));
  assert.equal(authFailures.sites(), 21);
  nowMs = 9 * MINUTE_MS;
  forge('later', 50);
  nowMs = 12 * MINUTE_MS;
  assert.deepEqual(told(), new Set(['later']));
});
