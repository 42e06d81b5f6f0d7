import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeMessage, readMessage } from './messages.ts';
import type { Message } from './model.ts';

const REQUEST: Message = {
  from: 'a.0',
  kind: 'request',
  requestId: 'a.0.1',
  scope: 'site',
  key: 'a-site',
  perMinute: 60,
  burst: 10,
  need: 0.5,
  stock: 2,
  priority: 0.25,
};

const MESSAGES: Message[] = [
  REQUEST,
  { from: 'b.0', kind: 'grant', requestId: 'a.0.1', amount: 1, left: 3 },
  { from: 'a.0', kind: 'settle', requestId: 'a.0.1', back: 0.5, counted: ['b.0'] },
  { from: 'a.0', kind: 'join' },
  { from: 'b.0', kind: 'joined', active: true },
  { from: 'a.0', kind: 'left' },
];

test('every message is read as it was sent', () => {
  for (const message of MESSAGES) assert.deepEqual(readMessage(Buffer.from(encodeMessage(message))), message);
});

test('the messages keep the names of the first release, which may run next to this one', () => {
  assert.deepEqual(JSON.parse(encodeMessage(REQUEST)), {
    from: 'a.0',
    kind: 'ask',
    flight: 'a.0.1',
    scope: 'site',
    key: 'a-site',
    perMinute: 60,
    burst: 10,
    need: 0.5,
    stock: 2,
    rank: 0.25,
  });
  const names = MESSAGES.map((message) => JSON.parse(encodeMessage(message)).kind);
  assert.deepEqual(names, ['ask', 'gift', 'settle', 'join', 'joined', 'left']);
});

test('what has no known form is not a message', () => {
  for (const text of ['', '{', '[]', '{"from":"a"}', '{"from":"a","kind":"gift","flight":"f","amount":-1,"left":0}']) {
    assert.equal(readMessage(Buffer.from(text)), null, text);
  }
});
