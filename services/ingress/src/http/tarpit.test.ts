import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTarpit } from './tarpit.ts';

test('an answer is held back for the pause and no longer', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let answered = 0;
  createTarpit(100, () => 0.5).hold({}, () => answered++);
  t.mock.timers.tick(99);
  assert.equal(answered, 0);
  t.mock.timers.tick(1);
  assert.equal(answered, 1);
});

test('without a pause, and beyond what may be held back, answers go at once', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let answered = 0;
  const count = (): void => void answered++;
  createTarpit(0).hold({}, count);
  assert.equal(answered, 1);
  const tarpit = createTarpit(100, () => 0);
  for (let number = 0; number < 1_024; number++) tarpit.hold({}, count);
  assert.equal(answered, 1);
  tarpit.hold({}, count);
  assert.equal(answered, 2);
  // Each that is answered makes room for one more.
  t.mock.timers.tick(50);
  assert.equal(answered, 1_026);
  tarpit.hold({}, count);
  assert.equal(answered, 1_026);
});

test('those that come together are answered apart, from half of the pause to one and a half of it', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const draws = [0, 0.5, 0.99];
  const tarpit = createTarpit(100, () => draws.shift() ?? 0);
  let answered = 0;
  for (const _draw of [...draws]) tarpit.hold({}, () => answered++);
  const afterEach = [49, 1, 49, 1, 48, 1].map((ms) => {
    t.mock.timers.tick(ms);
    return answered;
  });
  assert.deepEqual(afterEach, [0, 1, 1, 2, 2, 3]);
  assert.equal(tarpit.held(), 0);
});

test('a connection is held until the last of its refusals is sent, and no other one with it', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const draws = [0, 0.5];
  const tarpit = createTarpit(100, () => draws.shift() ?? 0);
  const [one, other] = [{}, {}];
  const nothing = (): void => undefined;
  tarpit.hold(one, nothing);
  tarpit.hold(one, nothing);
  assert.deepEqual([tarpit.holds(one), tarpit.holds(other)], [true, false]);
  t.mock.timers.tick(50);
  assert.equal(tarpit.holds(one), true);
  t.mock.timers.tick(50);
  assert.equal(tarpit.holds(one), false);
});
