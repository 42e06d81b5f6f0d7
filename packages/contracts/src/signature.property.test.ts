import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { bodySignature, isSignatureForm, secretKey, verifyBodySignature } from './signature.ts';

const secret = fc.string({ unit: 'grapheme', minLength: 1 });
const body = fc.uint8Array({ maxLength: 200 });

property(
  'a body signature is what another implementation of HMAC makes of the secret as it is written',
  fc.asyncProperty(secret, body, async (text, bytes) => {
    const algorithm = { name: 'HMAC', hash: 'SHA-256' };
    const key = await webcrypto.subtle.importKey('raw', new TextEncoder().encode(text), algorithm, false, ['sign']);
    const expected = Buffer.from(await webcrypto.subtle.sign('HMAC', key, bytes)).toString('hex');
    assert.equal(bodySignature(secretKey(text), bytes), `sha256=${expected}`);
  }),
);

property(
  'a signature verifies under any of the secrets, and under no other',
  fc.property(fc.uniqueArray(secret, { minLength: 2, maxLength: 4 }), body, fc.nat(), (secrets, bytes, at) => {
    const keys = secrets.map(secretKey);
    const signer = keys[at % keys.length];
    assert.ok(signer);
    const signature = bodySignature(signer, bytes);
    assert.ok(verifyBodySignature(keys, bytes, signature));
    const others = keys.filter((key) => key !== signer);
    assert.equal(verifyBodySignature(others, bytes, signature), false);
    assert.equal(verifyBodySignature([], bytes, signature), false);
  }),
);

property(
  'one changed bit of the body, or a byte more or less, is refused',
  fc.property(secret, fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), (text, bytes, bit) => {
    const key = secretKey(text);
    const signature = bodySignature(key, bytes);
    const at = bit % (bytes.length * 8);
    const flipped = bytes.map((byte, index) => (index === at >> 3 ? byte ^ (1 << (at & 7)) : byte));
    for (const other of [flipped, bytes.slice(1), bytes.slice(0, -1), Buffer.concat([bytes, Buffer.from([0])])])
      assert.equal(verifyBodySignature([key], other, signature), false);
  }),
);

property(
  'a signature with any other character, in another case or length, is refused',
  fc.property(
    secret,
    body,
    fc.nat({ max: 70 }),
    fc.string({ unit: 'binary', maxLength: 2 }),
    (text, bytes, at, put) => {
      const key = secretKey(text);
      const signature = bodySignature(key, bytes);
      const changed = signature.slice(0, at) + put + signature.slice(at + 1);
      fc.pre(changed !== signature);
      assert.equal(verifyBodySignature([key], bytes, changed), false);
      const upper = `sha256=${signature.slice(7).toUpperCase()}`;
      assert.equal(verifyBodySignature([key], bytes, upper), upper === signature);
    },
  ),
);

property(
  'only sha256= and 64 lower-case hexadecimal digits have the form of a signature',
  fc.property(
    fc.oneof(
      fc.string(),
      fc
        .tuple(
          fc.constantFrom('sha256=', 'SHA256=', 'sha1=', '', ' sha256=', 'sha256= '),
          fc.stringMatching(/^[0-9a-fA-F]{62,66}$/),
          fc.constantFrom('', '\n', ' ', '='),
        )
        .map((parts) => parts.join('')),
    ),
    (text) => {
      const digits = text.startsWith('sha256=') ? text.slice(7) : '';
      const isForm = digits.length === 64 && [...digits].every((digit) => '0123456789abcdef'.includes(digit));
      assert.equal(isSignatureForm(text), isForm);
      if (!isForm) assert.equal(verifyBodySignature([secretKey('s')], new Uint8Array(), text), false);
    },
  ),
);
