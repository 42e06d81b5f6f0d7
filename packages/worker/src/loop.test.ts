import assert from 'node:assert/strict';
import test from 'node:test';
import { createLatch, waitFor } from '@pressferry/testing';
import { createWake, startLoop } from './index.ts';

const HOUR_MS = 3_600_000;
const fail = (error: unknown): never => {
  throw error;
};

test('a kick while no loop waits ends the next wait, once', async () => {
  const wake = createWake();
  const { signal } = new AbortController();
  wake.kick();
  wake.kick();
  await wake.wait(HOUR_MS, signal);
  let isOver = false;
  const second = wake.wait(HOUR_MS, signal).then(() => {
    isOver = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(!isOver);
  wake.kick();
  await second;
});

test('an abort ends the wait', async () => {
  const stop = new AbortController();
  const waiting = createWake().wait(HOUR_MS, stop.signal);
  stop.abort();
  await waiting;
  await createWake().wait(HOUR_MS, stop.signal);
});

test('a kick during a round makes one more round, however many kicks there were', async () => {
  let rounds = 0;
  const begun = createLatch();
  const go = createLatch();
  await using loop = startLoop(
    async () => {
      rounds++;
      if (rounds > 1) return;
      begun.open();
      await go.wait();
    },
    { intervalMs: () => HOUR_MS, onInterruption: fail },
  );
  await begun.wait();
  for (let kick = 0; kick < 5; kick++) loop.kick();
  go.open();
  await waitFor(() => rounds === 2, { what: 'the second round' });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(rounds, 2);
});

test('a round that throws is told of, and kicks do not hurry the next one', async () => {
  const begunAtMs: number[] = [];
  const told: unknown[] = [];
  const go = createLatch();
  await using loop = startLoop(
    async () => {
      begunAtMs.push(performance.now());
      if (begunAtMs.length > 1) return;
      await go.wait();
      throw new Error('away');
    },
    {
      intervalMs: () => (begunAtMs.length === 1 ? 50 : HOUR_MS),
      onInterruption: (error) => {
        told.push(error);
        loop.kick();
      },
    },
  );
  loop.kick();
  go.open();
  await waitFor(() => begunAtMs.length >= 2, { what: 'the second round' });
  assert.ok((begunAtMs[1] ?? 0) - (begunAtMs[0] ?? 0) > 45);
  assert.equal(told.length, 1);
});

test('disposal tells the round in flight and waits for its end', async () => {
  let isOver = false;
  const begun = createLatch();
  const loop = startLoop(
    async (stopping) => {
      begun.open();
      await new Promise((resolve) => stopping.addEventListener('abort', resolve));
      isOver = true;
    },
    { intervalMs: () => HOUR_MS, onInterruption: fail },
  );
  await begun.wait();
  await loop[Symbol.asyncDispose]();
  assert.ok(isOver);
});

test('who waits for the first round goes on once one succeeded, or when the wait is aborted', async () => {
  let rounds = 0;
  await using loop = startLoop(
    async () => {
      if (++rounds < 3) throw new Error('not yet');
    },
    { intervalMs: () => 1, onInterruption: () => undefined },
  );
  await loop.untilFirst(AbortSignal.abort());
  assert.ok(rounds < 3);
  await loop.untilFirst(new AbortController().signal);
  assert.equal(rounds, 3);
});
