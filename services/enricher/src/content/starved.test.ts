import assert from 'node:assert/strict';
import test from 'node:test';
import { unlessStarved } from './starved.ts';

const LIMIT_MS = 50;

/** As a thread that gets no processor. */
const wait = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

function work(ms: number): void {
  const before = process.threadCpuUsage();
  for (;;) {
    const { user, system } = process.threadCpuUsage(before);
    if ((user + system) / 1_000 > ms) return;
  }
}

test('work that exceeds its time because its thread waited for a processor is done again', () => {
  let tries = 0;
  const done = unlessStarved(LIMIT_MS, () => {
    if (++tries === 3) return { kind: 'rendered' };
    wait(LIMIT_MS);
    return { kind: 'over_limits' };
  });
  assert.deepEqual([done.kind, tries], ['rendered', 3]);
});

test('work that is too much is done once', () => {
  let tries = 0;
  const done = unlessStarved(LIMIT_MS, () => {
    tries++;
    work(LIMIT_MS);
    return { kind: 'over_limits' };
  });
  assert.deepEqual([done.kind, tries], ['over_limits', 1]);
});

test('on a machine that never gets to it, it ends', () => {
  assert.equal(unlessStarved(LIMIT_MS, () => ({ kind: 'over_limits' })).kind, 'over_limits');
});
