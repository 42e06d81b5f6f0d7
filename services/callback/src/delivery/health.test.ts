import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Health } from '../model.ts';
import { afterFailure, afterSuccess, afterUnsignedGone, isGoneFor, standingOf, unknownHealth } from './health.ts';

const settings = { failures: 3, probeMinMs: 1_000, probeMaxMs: 4_000 };
const URL = 'https://a.example/callback';
const fail = (health: Health, nowMs = 0, isProbe = false): Health =>
  afterFailure(health, { nowMs, isProbe }, settings, () => 0.5);
const failTimes = (health: Health, times: number): Health =>
  times === 0 ? health : failTimes(fail(health), times - 1);

test('an endpoint is unproven until it acknowledges, then proven until it fails', () => {
  const unknown = unknownHealth(URL);
  assert.equal(standingOf(undefined, settings), 'unproven');
  assert.equal(standingOf(unknown, settings), 'unproven');
  const proven = afterSuccess(unknown, 5);
  assert.equal(standingOf(proven, settings), 'proven');
  assert.equal(standingOf(fail(proven), settings), 'failing');
  assert.equal(standingOf(afterSuccess(fail(proven), 6), settings), 'proven');
});

test('straight failures open it, and each failed probe doubles the pause up to its bound', () => {
  let health = failTimes(unknownHealth(URL), 3);
  assert.equal(standingOf(health, settings), 'open');
  const pauses = [health.probePauseMs];
  for (const nowMs of [1_000, 3_000, 7_000]) {
    health = fail(health, nowMs, true);
    pauses.push(health.probePauseMs);
  }
  assert.deepEqual(pauses, [1_000, 2_000, 4_000, 4_000]);
  assert.equal(health.nextProbeAtMs, 11_000);
});

test('attempts that began before it opened do not lengthen the pause', () => {
  const health = failTimes(unknownHealth(URL), 8);
  assert.equal(health.probePauseMs, 1_000);
  assert.equal(health.nextProbeAtMs, 1_000);
});

test('a success, however many failures came before, leaves nothing of them', () => {
  fc.assert(
    fc.property(fc.nat({ max: 20 }), (failures) => {
      const health = afterSuccess(afterUnsignedGone(failTimes(unknownHealth(URL), failures), 1), 9);
      assert.deepEqual(health, { ...unknownHealth(URL), lastSuccessAtMs: 9 });
    }),
  );
});

test('unsigned 410s count from the first that no acknowledgement has followed', () => {
  const first = afterUnsignedGone(unknownHealth(URL), 100);
  const second = afterUnsignedGone(first, 5_000);
  assert.equal(isGoneFor(first, 100, 1_000), false);
  assert.equal(isGoneFor(second, 1_099, 1_000), false);
  assert.equal(isGoneFor(second, 1_100, 1_000), true);
  assert.equal(isGoneFor(afterSuccess(second, 1_050), 9_000, 1_000), false);
});
