import assert from 'node:assert/strict';
import test from 'node:test';
import { throughOutages } from './index.ts';

const NEVER = new AbortController().signal;

test('work waits until the database is up, and each failure puts the database under suspicion before the next try', async () => {
  const seen: string[] = [];
  const health = { suspect: () => void seen.push('suspect'), untilUp: async () => void seen.push('up') };
  const work = async (): Promise<string> => {
    seen.push('work');
    if (seen.length < 6) throw new Error('read-only');
    return 'done';
  };
  const onError = (error: unknown) => void seen.push(String(error));
  assert.equal(await throughOutages(work, { health, signal: NEVER, onError }), 'done');
  assert.deepEqual(seen, ['up', 'work', 'Error: read-only', 'suspect', 'up', 'work']);
});

test('once the signal is aborted no work begins', async () => {
  const stop = new AbortController();
  const health = { suspect: () => stop.abort(), untilUp: async () => undefined };
  let tries = 0;
  const work = async (): Promise<never> => {
    throw new Error(`failed ${++tries} times`);
  };
  assert.equal(await throughOutages(work, { health, signal: stop.signal }), undefined);
  assert.equal(await throughOutages(work, { health, signal: stop.signal }), undefined);
  assert.equal(tries, 1);
});
