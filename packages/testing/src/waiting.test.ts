import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLatch } from './latch.ts';
import { ownTime } from './own-time.ts';
import { waitFor } from './wait-for.ts';

test('a latch gives its first value to those who wait before and after it opens', async () => {
  const latch = createLatch<number>();
  const early = latch.wait();
  assert.equal(latch.isOpen, false);
  latch.open(1);
  latch.open(2);
  assert.deepEqual([await early, await latch.wait(), latch.isOpen], [1, 1, true]);
});

test('a latch that no one opens says what was awaited', async () => {
  await assert.rejects(createLatch('the second delivery').wait(10), /waited 10 ms for the second delivery/);
});

test('waitFor gives the first truthy value, and forgives errors on the way', async () => {
  let calls = 0;
  const value = await waitFor(
    () => {
      if (++calls === 1) throw new Error('not yet');
      return calls > 2 ? `after ${calls}` : undefined;
    },
    { what: 'a value' },
  );
  assert.equal(value, 'after 3');
});

test('waitFor that ends in vain says what was awaited and the last error', async () => {
  const vain = waitFor(() => Promise.reject(new Error('still down')), { what: 'the vendor', timeoutMs: 10 });
  await assert.rejects(vain, (error: Error) => {
    assert.match(error.message, /waited 10 ms for the vendor/);
    assert.match(String(error.cause), /still down/);
    return true;
  });
});

test('waitFor asks so often as it may, however long each answer takes', async () => {
  let asked = 0;
  const ask = async (): Promise<boolean> => {
    await waitFor(() => true, { what: 'a moment' });
    return ++asked === 3;
  };
  await waitFor(ask, { what: 'the third', most: 3 });
  const vain = waitFor(() => ++asked > 5, { what: 'the sixth', most: 2 });
  await assert.rejects(vain, { message: 'asked 2 times for the sixth' });
});

test('own time passes while the process waits, and none while its timers cannot run', async () => {
  using time = ownTime();
  await waitFor(() => time.elapsedMs() >= 100, { what: 'time to pass' });
  const before = time.elapsedMs();
  for (const untilMs = performance.now() + 300; performance.now() < untilMs; );
  await waitFor(() => time.elapsedMs() > before, { what: 'the next tick' });
  assert.ok(time.elapsedMs() - before < 200);
});
