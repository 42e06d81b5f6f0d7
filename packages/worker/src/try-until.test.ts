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

test('once its time is over, the error is the last one', async () => {
  let tries = 0;
  const work = async (): Promise<never> => {
    throw new Error(`failed ${++tries} times`);
  };
  await assert.rejects(tryUntil(work, performance.now() - 1), { message: 'failed 1 times' });
  await assert.rejects(tryUntil(work, performance.now() + 300), { message: /failed ([3-9]|[1-9]\d) times/ });
});
