import assert from 'node:assert/strict';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { FairQueue } from './fair-queue.ts';

type Step = { add: string; count: number } | { take: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ add: fc.constantFrom('a', 'b', 'c', 'd'), count: fc.integer({ min: 1, max: 700 }) }),
  fc.record({ take: fc.integer({ min: 1, max: 900 }) }),
);

interface Value {
  group: string;
  number: number;
}

property(
  'everything comes out once, each group in its order, and a group waits for at most one deal of each group that was there',
  fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const queue = new FairQueue<Value>();
    const added = new Map<string, number>();
    const taken = new Map<string, number>();
    /** How many deals may come before the next one of a group. */
    const turns = new Map<string, number>();
    const waiting = (group: string): number => (added.get(group) ?? 0) - (taken.get(group) ?? 0);
    const open = (): string[] => [...added.keys()].filter((group) => waiting(group) > 0);
    const takeOne = (): void => {
      const next = queue.peek();
      const value = queue.take();
      assert.equal(value, next);
      if (value === undefined) {
        assert.equal(open().length, 0);
        return;
      }
      assert.equal(value.number, taken.get(value.group) ?? 0);
      taken.set(value.group, value.number + 1);
      turns.delete(value.group);
      for (const group of open()) {
        const left = turns.get(group);
        assert.notEqual(left, 0, `${group} waits too long`);
        turns.set(group, left === undefined ? open().length - 1 : left - 1);
      }
    };
    for (const one of steps) {
      if ('take' in one) for (let count = 0; count < one.take; count++) takeOne();
      else
        for (let count = 0; count < one.count; count++) {
          const number = added.get(one.add) ?? 0;
          queue.add(one.add, { group: one.add, number });
          added.set(one.add, number + 1);
          // A group that was empty comes after all that wait.
          if (!turns.has(one.add)) turns.set(one.add, open().length - 1);
        }
      assert.equal(
        queue.size,
        open().reduce((sum, group) => sum + waiting(group), 0),
      );
    }
    while (queue.size > 0) takeOne();
    assert.deepEqual(taken, new Map([...added]));
  }),
);
