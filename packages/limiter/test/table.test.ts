import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Rate } from '../src/decision.ts';
import { Shares } from '../src/shares.ts';
import { BucketTable, FULL, SHORT, TAKEN } from '../src/table.ts';
import { excess } from './simulation.ts';

const alone = new Shares(1, Number.NEGATIVE_INFINITY);
const RATE: Rate = { perMinute: 600, burst: 3 };

test('one replica alone admits burst + rate × length in no window more, and not less if it is asked often', () => {
  const waits = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 20, maxLength: 200 });
  fc.assert(
    fc.property(waits, fc.integer({ min: 1, max: 5 }), (gaps, keys) => {
      const table = new BucketTable(() => alone, 100);
      const admissions = new Map<string, number[]>();
      let [nowMs, level] = [0, RATE.burst];
      for (const [index, gap] of gaps.entries()) {
        nowMs += gap;
        level = Math.min(RATE.burst, level + gap / 100);
        const key = `key ${index % keys}`;
        const taken = table.take(key, RATE, nowMs);
        if (taken === TAKEN) admissions.set(key, [...(admissions.get(key) ?? []), nowMs]);
        if (keys === 1) {
          assert.equal(taken, level >= 1 - 1e-6 ? TAKEN : SHORT);
          if (taken === TAKEN) level -= 1;
        }
        table.sweep(3, nowMs);
      }
      for (const times of admissions.values()) assert.ok(excess(times, RATE) < 1e-6);
    }),
  );
});

test('full buckets are forgotten, the others keep their level through it', () => {
  const table = new BucketTable(() => alone, 100);
  for (let key = 0; key < 50; key++) table.take(`once ${key}`, RATE, 0);
  for (let taken = 0; taken < 3; taken++) table.take('spent', RATE, 90);
  table.sweep(1_000, 101);
  assert.equal(table.size, 1);
  assert.equal(table.take('spent', RATE, 101), SHORT);
  assert.equal(table.take('spent', RATE, 190), TAKEN);
});

test('beyond its bound a new key is refused, a known one served, until a bucket has filled up', () => {
  const table = new BucketTable(() => alone, 2_000);
  for (let key = 0; key < 2_000; key++) assert.equal(table.take(`key ${key}`, RATE, 0), TAKEN);
  assert.equal(table.take('one more', RATE, 0), FULL);
  assert.equal(table.take('key 1999', RATE, 0), TAKEN);
  assert.equal(table.take('one more', RATE, 101), TAKEN);
  assert.ok(table.size <= 2_000);
});

test('a grant moves tokens: its place stays free until it is settled or over, and what comes back was given', () => {
  const rate: Rate = { perMinute: 60_000, burst: 10 };
  const table = new BucketTable(() => alone, 100);
  table.give('key', rate, { id: 'one', amount: 4, untilMs: 300 }, 0);
  assert.equal(table.level('key', rate, 100), 6);
  table.endGrant('key', rate, 'one', 0.5, 100);
  assert.equal(table.level('key', rate, 100), 8);
  table.endGrant('key', rate, 'one', 1, 100);
  assert.equal(table.level('key', rate, 100), 8);
  assert.equal(table.level('key', rate, 200), 10);
  table.give('key', rate, { id: 'two', amount: 10, untilMs: 500 }, 200);
  assert.equal(table.level('key', rate, 400), 0);
  table.level('key', rate, 501);
  assert.equal(table.level('key', rate, 600), 10);
});
