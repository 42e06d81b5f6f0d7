import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { test } from 'node:test';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import {
  ALGS,
  type Alg,
  EC,
  ED,
  encode,
  isCanonical,
  judge,
  KIDS,
  NOW_S,
  RSA,
  signatureOf,
  site,
  validClaims,
  validToken,
} from '../test/tokens.ts';
import { parseToken, verifyToken } from './token.ts';

const alg = fc.constantFrom(...ALGS);

property(
  'a valid token is accepted',
  fc.asyncProperty(alg, async (name) => {
    assert.equal(await judge(validToken(name)), 'valid');
  }),
);

property(
  'one changed character anywhere makes a token invalid: it has one spelling',
  fc.asyncProperty(
    alg,
    fc.nat(),
    fc.constantFrom(...'ABCDwxyz0189-_.=+/ %\n\u00e9'),
    async (name, place, replacement) => {
      const compact = validToken(name);
      const at = place % compact.length;
      fc.pre(compact[at] !== replacement);
      assert.notEqual(await judge(compact.slice(0, at) + replacement + compact.slice(at + 1)), 'valid');
    },
  ),
);

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

property(
  'no part of a token has a second spelling of the same bytes in base64url',
  fc.asyncProperty(
    alg,
    fc.constantFrom(0, 1, 2),
    fc.constantFrom(...BASE64URL),
    fc.boolean(),
    async (name, part, last, isAdded) => {
      // Signed as it is: only its spelling is wrong.
      const [header = '', claims = ''] = validToken(name).split('.');
      const respell = (text: string, number: number): string =>
        number === part ? (isAdded ? text : text.slice(0, -1)) + last : text;
      const input = `${respell(header, 0)}.${respell(claims, 1)}`;
      const compact = `${input}.${respell(signatureOf(name, input).toString('base64url'), 2)}`;
      if (!isCanonical(compact)) assert.equal(await judge(compact), 'token_malformed');
    },
  ),
);

property(
  'one changed bit of header, claims or signature makes a token invalid',
  fc.asyncProperty(alg, fc.constantFrom(0, 1, 2), fc.nat(), async (name, part, bit) => {
    const parts = validToken(name).split('.');
    const bytes = Buffer.from(parts[part] ?? '', 'base64url');
    const at = bit % (bytes.length * 8);
    bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7));
    parts[part] = bytes.toString('base64url');
    assert.notEqual(await judge(parts.join('.')), 'valid');
  }),
);

property(
  'a token with characters put in, taken out or repeated is invalid',
  fc.asyncProperty(
    alg,
    fc.nat(),
    fc.nat({ max: 4 }),
    fc.base64String({ maxLength: 4 }),
    async (name, place, taken, put) => {
      const compact = validToken(name);
      const at = place % (compact.length + 1);
      const changed = compact.slice(0, at) + put + compact.slice(at + taken);
      fc.pre(changed !== compact);
      assert.notEqual(await judge(changed), 'valid');
    },
  ),
);

property(
  'the parts of two tokens put together are invalid',
  fc.asyncProperty(alg, alg, fc.constantFrom(0, 1, 2), async (one, other, part) => {
    const [parts, others] = [validToken(one).split('.'), validToken(other).split('.')];
    fc.pre(parts[part] !== others[part]);
    // With its claims or its signature alone exchanged, or its header for that of another algorithm.
    parts[part] = others[part] ?? '';
    assert.notEqual(await judge(parts.join('.')), 'valid');
  }),
);

/** What an attacker who knows the public keys may sign with. */
const PUBLIC_SECRETS: readonly (string | Buffer)[] = [RSA, EC, ED].flatMap(({ publicKey, publicPem }) => [
  publicPem,
  publicPem.trimEnd(),
  publicKey.export({ format: 'der', type: 'spki' }),
  JSON.stringify(publicKey.export({ format: 'jwk' })),
  '',
]);

property(
  'no algorithm but the registered one is accepted: none, HMAC under a public key, another name, another case',
  fc.asyncProperty(
    fc.constantFrom('RS256', 'ES256', 'EdDSA'),
    fc.oneof(
      fc.constantFrom('none', 'None', '', 'HS256', 'hs256', 'HS512', 'RS512', 'PS256', 'ES384', 'Ed25519', 'rs256'),
      fc.string(),
    ),
    fc.constantFrom(...PUBLIC_SECRETS),
    fc.constantFrom('empty', 'hmac', 'own'),
    async (registered, named, secret, way) => {
      fc.pre(named !== registered);
      const header = { alg: named, kid: KIDS[registered as Alg] };
      const input = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(validClaims()))}`;
      const own = way === 'own' ? signatureOf(registered, input) : signatureOf('HS256', input, secret);
      assert.notEqual(await judge(`${input}.${way === 'empty' ? '' : own.toString('base64url')}`), 'valid');
    },
  ),
);

property(
  'HS256 is refused unless the operator allows it, though it is registered',
  fc.asyncProperty(fc.boolean(), async (allowed) => {
    assert.equal(await judge(validToken('HS256'), allowed), allowed ? 'valid' : 'token_algorithm_refused');
  }),
);

test('an ES256 signature in DER is refused: JWS has one form', async () => {
  const input = validToken('ES256').split('.').slice(0, 2).join('.');
  const der = sign('sha256', Buffer.from(input), { key: EC.privateKey, dsaEncoding: 'der' });
  assert.equal(await judge(`${input}.${der.toString('base64url')}`), 'token_signature_invalid');
});

property(
  'signatures of any length and content are refused without a throw',
  fc.asyncProperty(alg, fc.uint8Array({ maxLength: 520 }), async (name, bytes) => {
    const input = validToken(name).split('.').slice(0, 2).join('.');
    assert.ok(
      ['token_signature_invalid', 'token_malformed'].includes(
        await judge(`${input}.${Buffer.from(bytes).toString('base64url')}`),
      ),
    );
  }),
);

const tokenish = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(fc.base64String({ maxLength: 12 }), { maxLength: 5 }).map((parts) => parts.join('.')),
  fc.constantFrom('.', '..', '...', 'e30.e30.', 'e30.e30', 'bnVsbA.bnVsbA.AA', `${'A'.repeat(9_000)}.e30.AA`),
);

property(
  'any text at all is no token, and nothing throws',
  fc.asyncProperty(tokenish, async (text) => {
    assert.notEqual(await judge(text), 'valid');
  }),
);

property(
  'a key that has expired or was never registered verifies nothing',
  fc.asyncProperty(alg, fc.integer({ min: -2, max: 2 }), async (name, seconds) => {
    const token = parseToken(validToken(name));
    assert.ok(token);
    const known = site.keys.get(KIDS[name]);
    assert.ok(known);
    const expiring = { ...site, keys: new Map([[KIDS[name], { ...known, expiresAtMs: (NOW_S + seconds) * 1000 }]]) };
    const verified = await verifyToken(token, expiring, NOW_S * 1000, { allowHs256: true });
    assert.equal(typeof verified === 'string' ? verified : 'valid', seconds <= 0 ? 'token_key_unknown' : 'valid');
    assert.equal(
      await verifyToken(token, { ...site, keys: new Map() }, NOW_S * 1000, { allowHs256: true }),
      'token_key_unknown',
    );
  }),
);
