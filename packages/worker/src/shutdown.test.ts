import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { createShutdown, type Shutdown } from './shutdown.ts';

const said = ({ stopping, breakingOff, givingUp }: Shutdown): boolean[] =>
  [stopping, breakingOff, givingUp].map(({ aborted }) => aborted);

test('work in flight has the grace except its end, outcomes half of that end, and all is over within the grace', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const shutdown = createShutdown(20_000);
  assert.deepEqual(said(shutdown), [false, false, false]);
  const ended = shutdown.end(() => once(shutdown.givingUp, 'abort'));
  const steps: [number, boolean[]][] = [
    [17_999, [true, false, false]],
    [1, [true, true, false]],
    [999, [true, true, false]],
    [1, [true, true, true]],
  ];
  for (const [ms, expected] of steps) {
    t.mock.timers.tick(ms);
    assert.deepEqual(said(shutdown), expected);
  }
  await ended;
});

test('half of a short grace is for work in flight', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const shutdown = createShutdown(1_000);
  const ended = shutdown.end(() => once(shutdown.breakingOff, 'abort'));
  t.mock.timers.tick(499);
  assert.deepEqual(said(shutdown), [true, false, false]);
  t.mock.timers.tick(1);
  await ended;
  assert.deepEqual(said(shutdown), [true, true, false]);
});

test('what ends before is not broken off, and a failure to close is told', async () => {
  const shutdown = createShutdown(60_000);
  await shutdown.end(() => Promise.resolve());
  assert.deepEqual(said(shutdown), [true, false, false]);
  await assert.rejects(
    createShutdown(60_000).end(() => Promise.reject(new Error('open'))),
    /open/,
  );
});
