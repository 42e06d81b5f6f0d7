import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Shares } from './shares.ts';

const RATE = 0.05;
const BURST = 40;

const changes = fc.array(
  fc.record({ afterMs: fc.integer({ min: 0, max: 400 }), share: fc.constantFrom(0, 0.25, 1 / 3, 0.5, 1) }),
  { maxLength: 40 },
);

test('a bucket brought up to date late has the level of one that was looked at all the time', () => {
  fc.assert(
    fc.property(changes, fc.integer({ min: 0, max: BURST }), fc.nat(300), (script, start, restMs) => {
      const shares = new Shares(1, Number.NEGATIVE_INFINITY);
      let [nowMs, level] = [0, start];
      for (const { afterMs, share } of script) {
        level = shares.fill(level, nowMs, nowMs + afterMs, RATE, BURST);
        nowMs += afterMs;
        shares.set(share, nowMs);
        level = shares.fill(level, nowMs, nowMs, RATE, BURST);
      }
      level = shares.fill(level, nowMs, nowMs + restMs, RATE, BURST);
      const late = shares.fill(start, 0, nowMs + restMs, RATE, BURST);
      assert.ok(Math.abs(late - level) < 1e-9, `${late} instead of ${level}`);
    }),
  );
});

test('an untouched bucket is never fuller than one that was looked at all the time, however much was forgotten', () => {
  fc.assert(
    fc.property(fc.array(changes, { maxLength: 5 }), fc.boolean(), (scripts, isNew) => {
      const shares = new Shares(isNew ? 0 : 1, isNew ? 0 : Number.NEGATIVE_INFINITY);
      let [nowMs, level] = [0, isNew ? 0 : BURST];
      for (const { afterMs, share } of scripts.flat()) {
        level = shares.fill(level, nowMs, nowMs + afterMs, RATE, BURST);
        nowMs += afterMs;
        shares.set(share, nowMs);
        level = shares.fill(level, nowMs, nowMs, RATE, BURST);
        assert.ok(shares.untouched(nowMs, RATE, BURST) <= level + 1e-9);
      }
    }),
  );
});

test('a share that grows adds room, not tokens; one that shrinks cuts', () => {
  const shares = new Shares(0.5, Number.NEGATIVE_INFINITY);
  assert.equal(shares.untouched(0, RATE, BURST), 20);
  shares.set(1, 0);
  assert.equal(shares.untouched(0, RATE, BURST), 20);
  assert.equal(shares.untouched(100, RATE, BURST), 25);
  shares.set(0.25, 100);
  assert.equal(shares.untouched(100, RATE, BURST), 10);
});
