import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grownMost } from './grown.ts';

const of = (text: string, calls: number, pages: number) => ({ id: text, text, calls, pages, ms: calls });

test('statements that read more pages a call come first by what they read in all, and steady ones are left out', () => {
  const grown = grownMost(
    [of('rare', 1, 10), of('often', 50, 100), of('often', 50, 100), of('steady', 10, 30)],
    [of('rare', 1, 50), of('often', 20, 100), of('steady', 20, 60), of('new', 2, 4)],
    10,
  );
  assert.deepEqual(
    grown.map(({ text, pagesBefore, pagesAfter }) => [text, pagesBefore, pagesAfter]),
    [
      ['often', 2, 5],
      ['rare', 10, 50],
      ['new', null, 2],
    ],
  );
  assert.equal(grownMost([], [of('a', 1, 2), of('b', 1, 3)], 1).length, 1);
});
