import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeCursor, encodeCursor, START } from './cursor.ts';

const cursor = fc.record({
  xid: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  ordinal: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
});

test('a cursor comes back as it was given', () => {
  fc.assert(fc.property(cursor, (given) => assert.deepEqual(decodeCursor(encodeCursor(given)), { ...given })));
  assert.deepEqual(decodeCursor(encodeCursor(START)), START);
});

test('a cursor needs no escaping in a URL', () => {
  fc.assert(fc.property(cursor, (given) => /^[A-Za-z0-9_-]{23}$/.test(encodeCursor(given))));
});

test('what is not a cursor that callback issued is refused', () => {
  const good = encodeCursor({ xid: 7n, ordinal: 9n });
  const otherVersion = Buffer.from(good, 'base64url');
  otherVersion.writeUInt8(2);
  const tooBig = Buffer.from(good, 'base64url').fill(0xff, 9);
  for (const bad of [
    '',
    ' ',
    good.slice(1),
    `${good}A`,
    `${good}=`,
    good.replace(/.$/, '/'),
    '0',
    '-1',
    'null',
    otherVersion.toString('base64url'),
    tooBig.toString('base64url'),
  ]) {
    assert.equal(decodeCursor(bad), null, bad);
  }
});

test('any text is refused or is the one text of its cursor', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^AQ[A-Za-z0-9_-]{21}$/));
  fc.assert(
    fc.property(text, (given) => {
      const decoded = decodeCursor(given);
      return decoded === null || encodeCursor(decoded) === given;
    }),
  );
});
