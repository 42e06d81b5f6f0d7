import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cleaned } from './clean.ts';

test("a vendor's own secret is taken out wherever it is, whatever its form", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string({ minLength: 6 }), (before, after, secret) => {
      const text = `${before}${secret}${after}`;
      const left = JSON.stringify(cleaned({ [text]: [text, { text }] }, [secret]));
      // A secret that is part of the mask or of the JSON around it is none.
      assert.ok(
        !left.includes(JSON.stringify(secret).slice(1, -1)) || '{"[secret]":["[secret]",{"text":"'.includes(secret),
      );
    }),
  );
});

test('nothing else is changed: addresses, card numbers and keys of others are the work', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => assert.deepEqual(cleaned(value, ['the-key']), value)));
  const text = 'ada@example.com pays with 4242424242424242 and sk-proj-abcdEFGH1234567890';
  assert.equal(cleaned(text, ['the-key']), text);
});
