import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createKeyring, SealingKeyMissing } from './keyring.ts';

const key = (id: string, fill: number): string => `${id}:${Buffer.alloc(32, fill).toString('base64')}`;
const keyring = createKeyring(`${key('new', 1)},${key('old', 2)}`);

test('what was sealed opens under its context as it was, and no text is sealed alike twice', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), fc.string({ maxLength: 40 }), (plain, context) => {
      const sealed = keyring.seal(plain, context);
      assert.deepEqual(Uint8Array.from(keyring.open(sealed, context)), plain);
      assert.notEqual(keyring.seal(plain, context), sealed);
      assert.throws(() => keyring.open(sealed, `${context}!`), /does not open/);
    }),
  );
});

test('after a rotation the older key still opens, and what it sealed is stale', () => {
  const before = createKeyring(key('old', 2)).seal('text', 'event:1');
  assert.equal(keyring.open(before, 'event:1').toString(), 'text');
  assert.deepEqual([keyring.isStale(before), keyring.isStale(keyring.seal('text', 'event:1'))], [true, false]);
});

test('a key that is missing is told apart from a text that was changed', () => {
  const sealed = createKeyring(key('gone', 3)).seal('text', 'event:1');
  assert.throws(() => keyring.open(sealed, 'event:1'), new SealingKeyMissing('gone'));
  const own = keyring.seal('a longer text', 'event:1');
  const changed = `${own.slice(0, -4)}AAAA`;
  assert.throws(() => keyring.open(changed, 'event:1'), /does not open/);
  assert.throws(() => keyring.open('no sealed text', 'event:1'), /not a sealed text/);
});

test('a key of another length, or a name of another form, is refused without being printed', () => {
  const short = Buffer.alloc(16, 7).toString('base64');
  for (const keys of ['', 'a', `a:${short}`, `A B:${Buffer.alloc(32).toString('base64')}`]) {
    assert.throws(
      () => createKeyring(keys),
      (error: unknown) => error instanceof Error && !error.message.includes(short),
      keys,
    );
  }
});
