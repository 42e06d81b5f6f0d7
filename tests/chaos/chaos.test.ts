import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { judgeLater, type Outcome, play } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import { openWorld, type World } from './world.ts';

/** The most telling ones; `make chaos` plays them all, and for longer. */
const SHORT = [
  'postgres-read-only',
  'results-without-privilege',
  'consumers-deleted',
  'unacknowledged',
  'poison',
  'calls-in-flight',
  'pushes-in-flight',
];
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const played: Outcome[] = [];
let world: World;
before(async () => {
  world = await openWorld({ root: ROOT });
});
after(() => world[Symbol.asyncDispose]());

for (const { name, title, ...rest } of SCENARIOS.filter((one) => SHORT.includes(one.name))) {
  test(`${title}: nothing accepted is lost, and nothing is done again that was not in flight`, async () => {
    const outcome = await play({ name, title, ...rest }, world, { seed: 'short', isQuick: true });
    played.push(outcome);
    assert.deepEqual(outcome.verdict.broken, []);
  });
}

test('once every lease has ended, nothing of all that was done again either', async () => {
  assert.deepEqual(await judgeLater(world, played), []);
});
