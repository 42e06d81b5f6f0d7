import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sharesNextToHanging } from '../../services/callback/test/hanging.ts';
import { createWorld, type World } from '../../services/callback/test/world.ts';

/** Of what the healthy sites were sent, at least so much arrives. */
const LEAST_SHARE = 0.9;

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

test('a thousand hanging endpoints take at most a tenth of the deliveries of healthy ones, also right after a kill', async () => {
  const [fresh, again] = await sharesNextToHanging(world, 1_000);
  assert.ok(fresh >= LEAST_SHARE, `${Math.round(fresh * 100)} % arrived during attempts at unknown endpoints`);
  assert.ok(again >= LEAST_SHARE, `${Math.round(again * 100)} % arrived after the kill`);
});
