import assert from 'node:assert/strict';
import test from 'node:test';
import { tryUntil } from './index.ts';

test('work that fails is done again until it succeeds', async () => {
  let tries = 0;
  const work = async (): Promise<string> => {
    if (++tries < 3) throw new Error('away');
    return 'done';
  };
  assert.equal(await tryUntil(work, Number.POSITIVE_INFINITY), 'done');
  assert.equal(tries, 3);
});

test('once its time is over, the error is the last one', async (t) => {
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  let tries = 0;
  const work = async (): Promise<never> => {
    nowMs += 1_000;
    throw new Error(`failed ${++tries} times`);
  };
  await assert.rejects(tryUntil(work, 500), { message: 'failed 1 times' });
  await assert.rejects(tryUntil(work, nowMs + 3_500), { message: 'failed 5 times' });
});
