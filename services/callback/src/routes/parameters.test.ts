import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCursor, START } from './cursor.ts';
import { parsePage, parseRequestId } from './parameters.ts';

test('a poll without parameters begins at the start with 50', () => {
  assert.deepEqual(parsePage({}), { since: START, limit: 50 });
});

test('a cursor and a limit from 1 to 200 are taken', () => {
  const cursor = { xid: 5n, ordinal: 6n };
  assert.deepEqual(parsePage({ since: encodeCursor(cursor), limit: '200' }), { since: cursor, limit: 200 });
  assert.equal(parsePage({ limit: '1' })?.limit, 1);
});

test('any other limit or cursor is refused', () => {
  for (const limit of ['0', '201', '-1', '1e2', ' 5', '05', '', 'all', ['5', '5']]) {
    assert.equal(parsePage({ limit }), null, String(limit));
  }
  for (const since of ['x', ['a', 'b'], encodeCursor(START).slice(1)]) assert.equal(parsePage({ since }), null);
});

test('a request id is a UUID in either case', () => {
  assert.equal(parseRequestId('6978440A-03A1-535B-93BF-4C3D1468F01B'), '6978440a-03a1-535b-93bf-4c3d1468f01b');
  assert.equal(parseRequestId("1' or '1'='1"), null);
});
