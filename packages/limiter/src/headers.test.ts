import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { refused } from './decision.ts';
import { limitHeaders } from './headers.ts';

const rate = { perMinute: 60, burst: 20 };

test('a refusal names its policy, nothing remaining, and whole seconds until the next token', () => {
  assert.deepEqual(limitHeaders('site', rate, refused('spent', rate, 1_200)), {
    'ratelimit-policy': '"site";q=60;w=60',
    ratelimit: '"site";r=0;t=2',
    'retry-after': '2',
  });
});

test('a client that obeys Retry-After is never early, and waits for at least a second', () => {
  fc.assert(
    fc.property(fc.double({ min: -5, max: 1e9, noNaN: true }), (retryAfterMs) => {
      const seconds = Number(limitHeaders('ip', rate, refused('spent', rate, retryAfterMs))['retry-after']);
      assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds * 1_000 >= retryAfterMs);
    }),
  );
});
