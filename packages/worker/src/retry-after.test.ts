import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { askedWaitMs, parseReset, parseRetryAfter } from './retry-after.ts';

const NOW_MS = Date.parse('2026-11-24T05:00:00Z');

test('Retry-After is read as seconds or as an HTTP date, and nothing else', () => {
  for (const [text, ms] of [
    ['3', 3_000],
    ['0', 0],
    ['0.5', 500],
    [' 7 ', 7_000],
    ['Tue, 24 Nov 2026 05:00:07 GMT', 7_000],
    ['Tuesday, 24-Nov-26 05:00:07 GMT', 7_000],
    ['Tue, 24 Nov 2026 04:00:00 GMT', 0],
  ] as const)
    assert.equal(parseRetryAfter(text, NOW_MS), ms, text);
  for (const text of ['soon', '-1', '', 'NaN', '1e9', '2026-11-24', 'Infinity', '1m', '0x10'])
    assert.equal(parseRetryAfter(text, NOW_MS), undefined, text);
  assert.equal(parseRetryAfter(undefined, NOW_MS), undefined);
});

test('a reset is read as seconds, a duration, an instant or a date', () => {
  for (const [text, ms] of [
    ['20', 20_000],
    ['0.25', 250],
    ['20s', 20_000],
    ['6ms', 6],
    ['1m30s', 90_000],
    ['1h0m2.5s', 3_602_500],
    [String(NOW_MS / 1000 + 9), 9_000],
    [String(NOW_MS + 9), 9],
    ['2026-11-24T05:00:09Z', 9_000],
    ['2026-11-24T06:00:09+01:00', 9_000],
    ['Tue, 24 Nov 2026 05:00:07 GMT', 7_000],
    ['2020-01-01T00:00:00Z', 0],
  ] as const)
    assert.equal(parseReset(text, NOW_MS), ms, text);
  for (const text of ['', 'soon', '1x', 's', '-5s', '1m30', '2026-13-45T99:00:00Z', undefined])
    assert.equal(parseReset(text, NOW_MS), undefined, text);
});

test('a duration is the sum of its parts, however it is written', () => {
  const part = fc.nat({ max: 59 });
  fc.assert(
    fc.property(part, part, part, fc.nat({ max: 999 }), (h, m, s, ms) => {
      assert.equal(parseReset(`${h}h${m}m${s}s${ms}ms`, NOW_MS), ((h * 60 + m) * 60 + s) * 1_000 + ms);
    }),
  );
});

test('whatever a header holds, what is read of it is nothing or a time that is not negative', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (reset, after) => {
      for (const ms of [
        parseReset(reset, NOW_MS),
        askedWaitMs({ 'retry-after': after, 'retry-after-ms': reset }, NOW_MS),
      ])
        assert.ok(ms === undefined || (Number.isFinite(ms) && ms >= 0));
    }),
  );
});

test('the most exact header counts, and of the limits the one of which nothing is left', () => {
  const asked = (headers: Record<string, string>) => askedWaitMs(headers, NOW_MS, { readResets: true });
  assert.equal(asked({ 'retry-after-ms': '20000', 'retry-after': '60' }), 20_000);
  assert.equal(asked({ 'retry-after': '2', 'x-ratelimit-reset-requests': '1m30s' }), 2_000);
  assert.equal(asked({ 'x-ratelimit-reset-tokens': '20s', 'x-ratelimit-reset-requests': '1m30s' }), 90_000);
  assert.equal(
    asked({
      'x-ratelimit-reset-tokens': '20s',
      'x-ratelimit-reset-requests': '1m30s',
      'x-ratelimit-remaining-requests': '5',
    }),
    20_000,
  );
  assert.equal(asked({ 'anthropic-ratelimit-requests-reset': '2026-11-24T05:01:00Z' }), 60_000);
  assert.equal(asked({ 'x-ms-retry-after-ms': '1200', 'retry-after': '2' }), 1_200);
  assert.equal(asked({ 'retry-after': '30s' }), 30_000);
  assert.equal(asked({ 'retry-after': '2026-11-24T05:00:30Z' }), 30_000);
  assert.equal(asked({ ratelimit: '"minute";r=0;t=50, "day";r=7;t=9000' }), 50_000);
  assert.equal(asked({ ratelimit: 'limit=100, remaining=0, reset=50' }), 50_000);
  assert.equal(asked({ ratelimit: '"minute";r=3;t=50' }), undefined);
  assert.equal(asked({}), undefined);
  assert.equal(askedWaitMs({ 'x-ratelimit-reset': '9' }, NOW_MS), undefined);
});

test('the longest of several waits counts, and one that cannot be read is none', () => {
  for (const [value, ms] of [
    ['5, 10', 10_000],
    ['10,5', 10_000],
    ['soon, 5', 5_000],
    ['Tue, 24 Nov 2026 05:00:07 GMT, Tue, 24 Nov 2026 05:00:09 GMT', 9_000],
    ['3, Tuesday, 24-Nov-26 05:00:07 GMT', 7_000],
    ['-5', undefined],
    ['', undefined],
    [',', undefined],
    ['99999999999999999999', undefined],
    ['999999999', 999_999_999_000],
    ['Mon, 01 Jan 2001 00:00:00 GMT', 0],
    ['2.0', 2_000],
  ] as const)
    assert.equal(askedWaitMs({ 'retry-after': value }, NOW_MS), ms, value);
  assert.equal(askedWaitMs({ 'retry-after-ms': '100, 250' }, NOW_MS), 250);
});

test("the resets of each vendor's limits are read, whatever their names", () => {
  for (const [headers, ms] of [
    // Anthropic, Azure, Cerebras, Discord, GitHub, Mistral, Twitter, Zendesk.
    [{ 'anthropic-ratelimit-unified-reset': String(NOW_MS / 1_000 + 5) }, 5_000],
    [{ 'x-ratelimit-reset-requests': '10', 'x-ratelimit-remaining-requests': '0' }, 10_000],
    [{ 'x-ratelimit-reset-requests-day': '33.5', 'x-ratelimit-remaining-requests-day': '0' }, 33_500],
    [{ 'x-ratelimit-reset-after': '1.337', 'x-ratelimit-remaining': '0' }, 1_337],
    [{ 'x-ratelimit-reset': `${NOW_MS / 1_000 + 7}.25`, 'x-ratelimit-remaining': '0' }, 7_250],
    [{ 'x-ratelimit-reset': String(NOW_MS + 9), 'x-ratelimit-remaining': '0' }, 9],
    [{ 'ratelimitbysize-reset': '50', 'ratelimitbysize-remaining': '0' }, 50_000],
    [{ 'x-rate-limit-reset': String(NOW_MS / 1_000 + 3), 'x-rate-limit-remaining': '0' }, 3_000],
    [{ 'zendesk-ratelimit-tickets': 'total=100; remaining=0; resets=41' }, 41_000],
    [{ 'zendesk-ratelimit-tickets': 'total=100; remaining=1; resets=41' }, undefined],
    [{ 'x-ratelimit-limit-requests': '100', 'x-ratelimit-remaining-requests': '0' }, undefined],
  ] as const)
    assert.equal(askedWaitMs(headers, NOW_MS, { readResets: true }), ms, JSON.stringify(headers));
});

test('a duration with a blank, and a limit that says how long to wait, are read', () => {
  assert.equal(askedWaitMs({ 'retry-after': '5.5 s' }, 0), 5_500);
  assert.equal(askedWaitMs({ 'x-ratelimit-retry-after': '30' }, 0, { readResets: true }), 30_000);
});
