import assert from 'node:assert/strict';
import { test } from 'node:test';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { parseDuration } from './duration.ts';

const parts = fc
  .record({
    w: fc.integer({ min: 0, max: 99 }),
    d: fc.integer({ min: 0, max: 999 }),
    h: fc.integer({ min: 0, max: 9_999 }),
    m: fc.integer({ min: 0, max: 9_999 }),
    s: fc.integer({ min: 0, max: 99_999 }),
  })
  .filter((counts) => Object.values(counts).some((count) => count > 0));

type Parts = { w: number; d: number; h: number; m: number; s: number };
const inMs = ({ w, d, h, m, s }: Parts): number => ((((w * 7 + d) * 24 + h) * 60 + m) * 60 + s) * 1_000;
const written = (counts: readonly (readonly [number, string])[]): string =>
  counts.map(([count, unit]) => (count === 0 ? '' : `${count}${unit}`)).join('');

property(
  'a duration means the same in its short form and in ISO 8601',
  fc.property(parts, (counts) => {
    const { w, d, h, m, s } = counts;
    const short = written([
      [w, 'w'],
      [d, 'd'],
      [h, 'h'],
      [m, 'm'],
      [s, 's'],
    ]);
    const date = written([
      [w, 'W'],
      [d, 'D'],
    ]);
    const time = written([
      [h, 'H'],
      [m, 'M'],
      [s, 'S'],
    ]);
    assert.equal(parseDuration(short), inMs(counts));
    assert.equal(parseDuration(`P${date}${time === '' ? '' : `T${time}`}`), inMs(counts));
  }),
);

property(
  'any text is a whole number of milliseconds or not a duration at all',
  fc.property(fc.oneof(fc.string(), fc.stringMatching(/^P?[0-9WDTHMSwdhms]{0,12}$/)), (text) => {
    const read = parseDuration(text);
    assert.ok(read === undefined || (Number.isSafeInteger(read) && read >= 0), `${text}: ${read}`);
  }),
);

test('a form that could be read in two ways is not a duration', () => {
  const none = [
    '',
    'P',
    'PT',
    'P1M',
    'P1Y',
    'PT1.5H',
    '10',
    '10 m',
    '-5m',
    '5m1h',
    '1m1m',
    'P1DT',
    '10M',
    'PTM',
    '1h 2m',
  ];
  for (const text of none) assert.equal(parseDuration(text), undefined, text);
  assert.deepEqual([parseDuration('500ms'), parseDuration('1m500ms'), parseDuration('0s')], [500, 60_500, 0]);
});
