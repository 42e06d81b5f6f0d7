import assert from 'node:assert/strict';
import { createHmac, createSecretKey, type KeyObject, randomUUID, sign } from 'node:crypto';
import { test } from 'node:test';
import { property } from '@pressferry/testing/property';
import { ecKeyPair, edKeyPair, rsaKeyPair } from '@pressferry/testing/signing';
import fc from 'fast-check';
import { type JWTPayload, jwtVerify } from 'jose';
import { openSite } from './site.ts';
import { parseToken, verifyToken } from './token.ts';

const NOW_S = 1_795_500_000;
const HMAC_SECRET = 'a shared secret of thirty-two bytes, or more';
const [RSA, EC, ED] = [rsaKeyPair(0), ecKeyPair(0), edKeyPair(0)];
const PAIRS = { RS256: RSA, ES256: EC, EdDSA: ED } as const;
const ALGS = ['RS256', 'ES256', 'EdDSA', 'HS256'] as const;
type Alg = (typeof ALGS)[number];
const KIDS: Readonly<Record<Alg, string>> = { RS256: 'rsa', ES256: 'ec', EdDSA: 'ed', HS256: 'hmac' };

const site = await openSite(
  {
    site_id: 'harbour',
    status: 'active',
    issuer: 'https://harbour.example',
    audience: 'pressferry',
    callback_url: null,
    keys: [
      ...(['RS256', 'ES256', 'EdDSA'] as const).map((algorithm) => ({
        kid: KIDS[algorithm],
        algorithm,
        public_key: PAIRS[algorithm].publicPem,
        expires_at: null,
      })),
      { kid: KIDS.HS256, algorithm: 'HS256' as const, public_key: 'sealed', expires_at: null },
    ],
    secrets: [],
    settings: {},
  },
  { open: () => Buffer.from(HMAC_SECRET) },
);

const encode = (text: string): string => Buffer.from(text).toString('base64url');

function signatureOf(alg: string, input: string, hmacSecret: string | Buffer = HMAC_SECRET): Buffer {
  const bytes = Buffer.from(input);
  if (alg === 'RS256') return sign('sha256', bytes, RSA.privateKey);
  if (alg === 'ES256') return sign('sha256', bytes, { key: EC.privateKey, dsaEncoding: 'ieee-p1363' });
  if (alg === 'EdDSA') return sign(null, bytes, ED.privateKey);
  return createHmac('sha256', hmacSecret).update(bytes).digest();
}

/** A token of the given header and claims, as texts, so that they need not be what JSON.stringify writes. */
function compactOf(alg: Alg, header: string, claims: string): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${signatureOf(alg, input).toString('base64url')}`;
}

const validClaims = () => ({
  iss: 'https://harbour.example',
  sub: 'harbour',
  aud: 'pressferry',
  iat: NOW_S,
  exp: NOW_S + 300,
  jti: randomUUID(),
});
const headerOf = (alg: Alg) => ({ alg, typ: 'JWT', kid: KIDS[alg] });
const validToken = (alg: Alg): string => compactOf(alg, JSON.stringify(headerOf(alg)), JSON.stringify(validClaims()));

function judge(compact: string, nowS = NOW_S, allowHs256 = true): string {
  const token = parseToken(compact);
  if (token === null) return 'token_malformed';
  const verified = verifyToken(token, site, nowS * 1000, { allowHs256 });
  return typeof verified === 'string' ? verified : 'valid';
}

/** What jose says, with the rules that are ours besides: registered algorithm, strict encoding, no extension, life, form of claims. */
async function accordingToJose(compact: string, nowS = NOW_S): Promise<boolean> {
  try {
    const { payload, protectedHeader } = await jwtVerify(
      compact,
      ({ kid }) => {
        const key = typeof kid === 'string' ? site.keys.get(kid) : undefined;
        if (key === undefined) throw new Error('no such key');
        return key.key;
      },
      {
        algorithms: [...ALGS],
        issuer: site.issuer,
        subject: site.siteId,
        audience: site.audience,
        clockTolerance: 60,
        currentDate: new Date(nowS * 1000),
        requiredClaims: ['iss', 'sub', 'aud', 'iat', 'exp', 'jti'],
      },
    );
    const isRegistered = site.keys.get(protectedHeader.kid ?? '')?.algorithm === protectedHeader.alg;
    return isRegistered && protectedHeader.crit === undefined && isCanonical(compact) && keepsOurRules(payload, nowS);
  } catch {
    return false;
  }
}

const isCanonical = (compact: string): boolean =>
  compact.length <= 8_192 &&
  compact.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);

function keepsOurRules({ iat, exp, nbf, jti }: JWTPayload, nowS: number): boolean {
  const isPositive = [iat, exp, nbf ?? 1].every((time) => Number.isFinite(time) && Number(time) > 0);
  const [from, to] = [Number(iat), Number(exp)];
  return (
    isPositive &&
    from < to &&
    to - from <= 300 &&
    from - 60 <= nowS &&
    /^[A-Za-z0-9._~:-]{1,128}$/.test(String(jti)) &&
    typeof jti === 'string'
  );
}

async function agree(compact: string, nowS = NOW_S): Promise<void> {
  const [ours, theirs] = [judge(compact, nowS), await accordingToJose(compact, nowS)];
  assert.equal(ours === 'valid', theirs, `ours: ${ours}; jose and our rules: ${theirs}; ${compact}`);
}

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

const time = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: NOW_S - 430, max: NOW_S + 430 }) },
  fc.constantFrom(
    NOW_S - 60,
    NOW_S - 59,
    NOW_S - 61,
    NOW_S + 60,
    NOW_S + 61,
    NOW_S - 360,
    NOW_S - 361,
    NOW_S + 300,
    NOW_S + 301,
  ),
  fc.constantFrom<unknown>(0, -1, 1e308, NOW_S * 1000, String(NOW_S), null, true, [NOW_S], {}, NOW_S + 0.5, undefined),
);

property(
  'times are accepted exactly in their windows, and by jose in the same',
  fc.asyncProperty(
    fc.constantFrom('EdDSA', 'HS256'),
    time,
    time,
    fc.option(time, { nil: undefined }),
    async (name, iat, exp, nbf) => {
      const claims = { ...validClaims(), iat, exp, nbf };
      await agree(compactOf(name, JSON.stringify(headerOf(name)), JSON.stringify(claims)));
    },
  ),
);

property(
  'numbers that JSON can write and a double cannot hold are no times',
  fc.property(
    fc.constantFrom('iat', 'exp', 'nbf'),
    fc.constantFrom('1e400', '-1e400', '1e309', '0', '-0', '-5', '1e-400'),
    (claim, number) => {
      const claims = JSON.stringify({ ...validClaims(), [claim]: 'HERE' }).replace('"HERE"', number);
      assert.equal(judge(compactOf('HS256', JSON.stringify(headerOf('HS256')), claims)), 'token_claims_invalid');
    },
  ),
);

const anyClaim = fc.oneof(
  fc.constantFrom<unknown>(
    'https://harbour.example',
    'harbour',
    'pressferry',
    'Pressferry',
    ['pressferry'],
    ['x', 'pressferry', 1],
    [['pressferry']],
    [],
    { pressferry: 1 },
  ),
  fc.jsonValue({ maxDepth: 2 }),
  fc.constant(undefined),
);

property(
  'claims of any type are judged as jose judges them',
  fc.asyncProperty(
    fc.constantFrom('iss', 'sub', 'aud', 'jti', 'iat', 'exp', 'nbf', 'extra'),
    anyClaim,
    async (claim, value) => {
      await agree(
        compactOf('HS256', JSON.stringify(headerOf('HS256')), JSON.stringify({ ...validClaims(), [claim]: value })),
      );
    },
  ),
);

const headerMember = fc.oneof(
  fc.tuple(
    fc.constantFrom('alg', 'kid'),
    fc.oneof(
      fc.constantFrom<unknown>(...ALGS, ...Object.values(KIDS), 'none', '__proto__'),
      fc.jsonValue({ maxDepth: 1 }),
    ),
  ),
  fc.tuple(fc.constantFrom('crit'), fc.constantFrom<unknown>([], ['b64'], ['exp'], 'b64', null, {})),
  fc.tuple(
    fc.constantFrom('b64', 'typ', 'jwk', 'jku', 'x5c', 'x5u', '__proto__', 'zip', 'enc', 'cty'),
    fc.jsonValue({ maxDepth: 1 }),
  ),
);

property(
  'headers with any members are judged as jose judges them',
  fc.asyncProperty(alg, fc.array(headerMember, { maxLength: 3 }), async (name, members) => {
    const header = JSON.stringify(Object.fromEntries([...Object.entries(headerOf(name)), ...members]));
    await agree(compactOf(name, header, JSON.stringify(validClaims())));
  }),
);

property(
  'of a member that stands twice both verifiers read the last, in header and claims',
  fc.asyncProperty(
    fc.constantFrom('alg', 'kid', 'crit', 'iss', 'sub', 'aud', 'exp', 'jti', 'nbf'),
    fc.constantFrom(
      '"HS256"',
      '"none"',
      '"hmac"',
      '"harbour"',
      '"pressferry"',
      '"evil"',
      'null',
      String(NOW_S + 300),
      '1',
    ),
    fc.boolean(),
    async (member, value, isFirst) => {
      const twice = (text: string): string =>
        isFirst ? text.replace('{', `{"${member}":${value},`) : text.replace(/}$/, `,"${member}":${value}}`);
      const isHeader = ['alg', 'kid', 'crit'].includes(member);
      const [header, claims] = [JSON.stringify(headerOf('HS256')), JSON.stringify(validClaims())];
      await agree(compactOf('HS256', isHeader ? twice(header) : header, isHeader ? claims : twice(claims)));
    },
  ),
);

property(
  'header and claims that are no JSON objects, or no UTF-8, make no token that jose would refuse',
  fc.asyncProperty(
    fc.boolean(),
    fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      fc.json().map((text) => Buffer.from(text)),
    ),
    async (isHeader, bytes) => {
      const [header, claims] = [JSON.stringify(headerOf('HS256')), JSON.stringify(validClaims())];
      const part = Buffer.from(bytes).toString('base64url');
      const input = isHeader ? `${part}.${encode(claims)}` : `${encode(header)}.${part}`;
      await agree(`${input}.${signatureOf('HS256', input).toString('base64url')}`);
    },
  ),
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
