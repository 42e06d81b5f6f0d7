import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPace } from './pace.ts';

test('before a vendor complains there is no pace', () => {
  const pace = createPace();
  assert.equal(pace.free(0), Number.POSITIVE_INFINITY);
  for (let count = 0; count < 100; count++) {
    pace.begin(0);
    pace.took(0);
  }
  assert.deepEqual([pace.free(0), pace.nextAtMs(0)], [Number.POSITIVE_INFINITY, 0]);
});

test('after a complaint calls are begun at eight tenths of what the vendor took, at most a second of them at once', () => {
  const pace = createPace();
  for (let second = 0; second < 10; second++) for (let count = 0; count < 50; count++) pace.took(second * 1_000);
  pace.limited(9_500);
  assert.equal(pace.free(9_500), 0);
  assert.equal(pace.free(12_500), 40);
});

test('a pace rises again, and is forgotten once it is fast', () => {
  const pace = createPace();
  pace.took(0);
  pace.limited(0);
  const begunIn = (fromMs: number, toMs: number): number => {
    let begun = 0;
    for (let nowMs = fromMs; nowMs < toMs; nowMs += 50) {
      for (let free = pace.free(nowMs); free > 0; free--) {
        pace.begin(nowMs);
        begun++;
      }
    }
    return begun;
  };
  const [first, later] = [begunIn(0, 60_000), begunIn(300_000, 360_000)];
  assert.ok(first > 40 && first < 80, `${first}`);
  assert.ok(later > 5 * first, `${later}`);
  assert.equal(pace.free(1_200_000), Number.POSITIVE_INFINITY);
});

test('of 300 calls at a vendor that takes five a second and asks for nothing, few are refused twice', () => {
  // A bucket of five that fills at five a second; a refusal pauses for ten seconds, as the admission does.
  const pace = createPace();
  let [bucket, filledMs, pausedMs, done, refused] = [5, 0, 0, 0, 0];
  let nowMs = 0;
  for (; done < 300 && nowMs < 600_000; nowMs += 20) {
    if (nowMs < pausedMs) continue;
    bucket = Math.min(5, bucket + ((nowMs - filledMs) / 1_000) * 5);
    filledMs = nowMs;
    const free = Math.min(16, pace.free(nowMs));
    let isRefused = false;
    for (let count = 0; count < free; count++) {
      pace.begin(nowMs);
      if (bucket >= 1) {
        bucket--;
        done++;
        pace.took(nowMs);
      } else {
        refused++;
        isRefused = true;
      }
    }
    if (isRefused) {
      pace.limited(nowMs);
      pausedMs = nowMs + 10_000;
    }
  }
  assert.equal(done, 300);
  assert.ok(nowMs < 180_000, `${nowMs} ms`);
  assert.ok(refused < 40, `${refused} refusals`);
});
