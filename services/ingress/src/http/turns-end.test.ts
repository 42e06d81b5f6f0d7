import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTurnsEnd } from './turns-end.ts';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what is given in one turn is done at its end, all of it, in order', async () => {
  const atTurnsEnd = createTurnsEnd();
  const done: number[] = [];
  for (let number = 0; number < 100; number++) atTurnsEnd(() => done.push(number));
  await Promise.resolve();
  assert.deepEqual(done, []);
  await nextTurn();
  assert.deepEqual(
    done,
    Array.from({ length: 100 }, (_, number) => number),
  );
});

test('what a task gives is done in the next turn, so that one that goes on giving stops nothing', async () => {
  const atTurnsEnd = createTurnsEnd();
  let done = 0;
  const again = (): void => {
    done++;
    if (done < 3) atTurnsEnd(again);
  };
  atTurnsEnd(again);
  for (let turn = 1; turn <= 3; turn++) {
    await nextTurn();
    assert.equal(done, turn);
  }
});
