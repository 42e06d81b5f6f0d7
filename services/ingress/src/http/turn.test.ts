import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as untilNextTurn } from 'node:timers/promises';
import { createTurn } from './turn.ts';

test('what is queued in one turn runs at its end, in order; what that queues runs in the next', async () => {
  const turn = createTurn();
  const ran: string[] = [];
  turn.atEnd(() => {
    ran.push('first');
    turn.atEnd(() => ran.push('later'));
  });
  turn.atEnd(() => ran.push('second'));
  assert.deepEqual(ran, []);
  await untilNextTurn();
  assert.deepEqual(ran, ['first', 'second']);
  await untilNextTurn();
  assert.deepEqual(ran, ['first', 'second', 'later']);
});
