import assert from 'node:assert/strict';
import { createSecretKey, type KeyObject, sign } from 'node:crypto';
import { test } from 'node:test';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import {
  ALGS,
  type Alg,
  agree,
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
  'a valid token is accepted, by jose too',
  fc.asyncProperty(alg, async (name) => {
    const compact = validToken(name);
    assert.equal(judge(compact), 'valid');
    await agree(compact);
  }),
);

property(
  'one changed character anywhere makes a token invalid: it has one spelling',
  fc.property(alg, fc.nat(), fc.constantFrom(...'ABCDwxyz0189-_.=+/ %\n\u00e9'), (name, place, replacement) => {
    const compact = validToken(name);
    const at = place % compact.length;
    fc.pre(compact[at] !== replacement);
    assert.notEqual(judge(compact.slice(0, at) + replacement + compact.slice(at + 1)), 'valid');
  }),
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
      // Signed as it stands: only its spelling is wrong.
      const [header = '', claims = ''] = validToken(name).split('.');
      const respell = (text: string, number: number): string =>
        number === part ? (isAdded ? text : text.slice(0, -1)) + last : text;
      const input = `${respell(header, 0)}.${respell(claims, 1)}`;
      const compact = `${input}.${respell(signatureOf(name, input).toString('base64url'), 2)}`;
      if (!isCanonical(compact)) assert.equal(judge(compact), 'token_malformed');
      await agree(compact);
    },
  ),
);

property(
  'one changed bit of header, claims or signature makes a token invalid',
  fc.property(alg, fc.constantFrom(0, 1, 2), fc.nat(), (name, part, bit) => {
    const parts = validToken(name).split('.');
    const bytes = Buffer.from(parts[part] ?? '', 'base64url');
    const at = bit % (bytes.length * 8);
    bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7));
    parts[part] = bytes.toString('base64url');
    assert.notEqual(judge(parts.join('.')), 'valid');
  }),
);

property(
  'a token with characters put in, taken out or repeated is invalid',
  fc.property(alg, fc.nat(), fc.nat({ max: 4 }), fc.base64String({ maxLength: 4 }), (name, place, taken, put) => {
    const compact = validToken(name);
    const at = place % (compact.length + 1);
    const changed = compact.slice(0, at) + put + compact.slice(at + taken);
    fc.pre(changed !== compact);
    assert.notEqual(judge(changed), 'valid');
  }),
);

property(
  'the parts of two tokens put together are invalid',
  fc.property(alg, alg, fc.constantFrom(0, 1, 2), (one, other, part) => {
    const [parts, others] = [validToken(one).split('.'), validToken(other).split('.')];
    fc.pre(parts[part] !== others[part]);
    // With its claims or its signature alone exchanged, or its header for that of another algorithm.
    parts[part] = others[part] ?? '';
    assert.notEqual(judge(parts.join('.')), 'valid');
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
  fc.property(
    fc.constantFrom('RS256', 'ES256', 'EdDSA'),
    fc.oneof(
      fc.constantFrom('none', 'None', '', 'HS256', 'hs256', 'HS512', 'RS512', 'PS256', 'ES384', 'Ed25519', 'rs256'),
      fc.string(),
    ),
    fc.constantFrom(...PUBLIC_SECRETS),
    fc.constantFrom('empty', 'hmac', 'own'),
    (registered, named, secret, way) => {
      fc.pre(named !== registered);
      const header = { alg: named, kid: KIDS[registered as Alg] };
      const input = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(validClaims()))}`;
      const own = way === 'own' ? signatureOf(registered, input) : signatureOf('HS256', input, secret);
      assert.notEqual(judge(`${input}.${way === 'empty' ? '' : own.toString('base64url')}`), 'valid');
    },
  ),
);

property(
  'HS256 is refused unless the operator allows it, though it is registered',
  fc.property(fc.boolean(), (allowed) => {
    assert.equal(judge(validToken('HS256'), NOW_S, allowed), allowed ? 'valid' : 'token_algorithm_refused');
  }),
);

test('an ES256 signature in DER is refused: JWS has one form', () => {
  const input = validToken('ES256').split('.').slice(0, 2).join('.');
  const der = sign('sha256', Buffer.from(input), { key: EC.privateKey, dsaEncoding: 'der' });
  assert.equal(judge(`${input}.${der.toString('base64url')}`), 'token_signature_invalid');
});

property(
  'signatures of any length and content are refused without a throw',
  fc.property(alg, fc.uint8Array({ maxLength: 520 }), (name, bytes) => {
    const input = validToken(name).split('.').slice(0, 2).join('.');
    assert.ok(
      ['token_signature_invalid', 'token_malformed'].includes(
        judge(`${input}.${Buffer.from(bytes).toString('base64url')}`),
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
  fc.property(tokenish, (text) => {
    assert.notEqual(judge(text), 'valid');
  }),
);

property(
  'a key that has expired or was never registered verifies nothing',
  fc.property(alg, fc.integer({ min: -2, max: 2 }), (name, seconds) => {
    const token = parseToken(validToken(name));
    assert.ok(token);
    const known = site.keys.get(KIDS[name]);
    assert.ok(known);
    const expiring = { ...site, keys: new Map([[KIDS[name], { ...known, expiresAtMs: (NOW_S + seconds) * 1000 }]]) };
    const verified = verifyToken(token, expiring, NOW_S * 1000, { allowHs256: true });
    assert.equal(typeof verified === 'string' ? verified : 'valid', seconds <= 0 ? 'token_key_unknown' : 'valid');
    assert.equal(
      verifyToken(token, { ...site, keys: new Map() }, NOW_S * 1000, { allowHs256: true }),
      'token_key_unknown',
    );
  }),
);

const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');

property(
  'the second signature that anyone can make of an ES256 signature is judged as jose judges it, and spends the same jti',
  fc.asyncProperty(fc.nat(), async () => {
    const [header = '', claims = '', signature = ''] = validToken('ES256').split('.');
    const bytes = Buffer.from(signature, 'base64url');
    const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
    const other = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
    const compact = `${header}.${claims}.${other.toString('base64url')}`;
    await agree(compact);
    assert.deepEqual(parseToken(compact)?.claims, JSON.parse(Buffer.from(claims, 'base64url').toString()));
  }),
);

test('the verifier holds parsed keys: what jose imported is what it verifies with', () => {
  const keys = [...site.keys.values()].map(({ key }): KeyObject['type'] => key.type);
  assert.deepEqual(keys, ['public', 'public', 'public', createSecretKey(Buffer.alloc(1)).type]);
});
