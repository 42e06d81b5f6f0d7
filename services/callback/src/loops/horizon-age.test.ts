import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHorizonAge } from './horizon-age.ts';

test('the age of the horizon counts from the first look that saw its transaction begun, and ends with it', () => {
  const age = createHorizonAge();
  const at = (seconds: number, next: bigint, oldest: bigint): number => age({ next, oldest }, seconds * 1000);
  assert.equal(at(0, 100n, 100n), 0, 'nothing is open');
  assert.equal(at(10, 110n, 105n), 0, 'begun since the last look');
  assert.equal(at(20, 120n, 105n), 10);
  assert.equal(at(70, 190n, 105n), 60);
  assert.equal(at(80, 200n, 150n), 10, 'a later one is the oldest now');
  assert.equal(at(90, 210n, 210n), 0);
  assert.equal(at(100, 220n, 215n), 0);
});

test('a day of one open transaction is remembered', () => {
  const age = createHorizonAge();
  const looks = Array.from({ length: 20_000 }, (_, at) => age({ next: BigInt(at + 1), oldest: 0n }, at * 10_000));
  assert.equal(looks.at(-1), 199_990);
});
