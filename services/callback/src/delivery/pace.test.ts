import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createPace } from './pace.ts';

const settings = { initial: 4, max: 64, slowMs: 500 };

test('a site that is answered quickly at its limit soon has every slot', () => {
  const pace = createPace(settings);
  for (let times = 0; times < 60; times++) pace.succeeded('a', 20, pace.limit('a'));
  assert.equal(pace.limit('a'), 64);
  assert.equal(pace.limit('b'), 4);
});

test('a limit that is not used does not grow', () => {
  const pace = createPace(settings);
  for (let times = 0; times < 100; times++) pace.succeeded('a', 20, 2);
  assert.equal(pace.limit('a'), 4);
});

test('a site whose answers slow down gets fewer at once, never fewer than it began with', () => {
  const pace = createPace(settings);
  for (let times = 0; times < 60; times++) pace.succeeded('a', 20, pace.limit('a'));
  pace.succeeded('a', 2_000, 64);
  assert.ok(pace.limit('a') < 64);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 10_000 })), (durations) => {
      const other = createPace(settings);
      for (const duration of durations) other.succeeded('a', duration, other.limit('a'));
      return other.limit('a') >= settings.initial && other.limit('a') <= settings.max;
    }),
  );
});

test('a site that is always slow is measured by its own usual time', () => {
  const pace = createPace(settings);
  for (let times = 0; times < 60; times++) pace.succeeded('a', 2_000, pace.limit('a'));
  assert.ok(pace.slowAfterMs('a') > 2_000);
  assert.ok(pace.limit('a') > settings.initial);
  pace.failed('a');
  assert.equal(pace.limit('a'), settings.initial);
});
