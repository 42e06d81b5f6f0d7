import assert from 'node:assert/strict';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { RingBuffer } from './ring-buffer.ts';

type Step = { add: number } | { take: number } | 'take the oldest';

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 300 }) }) },
  // Also numbers that were taken before, and such as were never given.
  { weight: 3, arbitrary: fc.record({ take: fc.integer({ min: -2, max: 900 }) }) },
  fc.constant<Step>('take the oldest'),
);

property(
  'what is added comes out once, under its number, and the oldest is told, as from a map',
  fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const ring = new RingBuffer<string>();
    const model = new Map<number, string>();
    let next = 0;
    const take = (number: number): void => {
      assert.equal(ring.has(number), model.has(number));
      assert.equal(ring.take(number), model.get(number));
      model.delete(number);
    };
    for (const what of steps) {
      if (what === 'take the oldest') take(model.keys().next().value ?? next);
      else if ('take' in what) take(what.take);
      else {
        for (let count = 0; count < what.add; count++) {
          model.set(next, `value ${next}`);
          assert.equal(ring.add(`value ${next}`), next++);
        }
      }
      const [oldest] = model;
      assert.equal(ring.size, model.size);
      assert.deepEqual(ring.oldest(), oldest === undefined ? undefined : { number: oldest[0], value: oldest[1] });
    }
  }),
);
