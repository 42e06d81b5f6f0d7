import assert from 'node:assert/strict';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { inTurns } from './in-turns.ts';

property(
  'every value is there once, each group in its order, and before a second one of any group comes the first of all',
  fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd')), (groups) => {
    const values = groups.map((group, at) => ({ group, at }));
    const ordered = inTurns(values, ({ group }) => group);
    assert.deepEqual(new Set(ordered), new Set(values));
    const turns = new Map<string, number>();
    let turn = 0;
    for (const { group } of ordered) {
      const own = (turns.get(group) ?? 0) + 1;
      turns.set(group, own);
      assert.ok(own >= turn);
      turn = own;
    }
    for (const group of turns.keys()) {
      const own = ordered.filter((value) => value.group === group).map(({ at }) => at);
      assert.deepEqual(
        own,
        own.toSorted((a, b) => a - b),
      );
    }
  }),
);
