import assert from 'node:assert/strict';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import {
  ALGS,
  compactOf,
  encode,
  headerOf,
  judge,
  KIDS,
  NOW_S,
  signatureOf,
  site,
  validClaims,
} from '../test/tokens.ts';

const withClaims = (claims: object): string =>
  compactOf('HS256', JSON.stringify(headerOf('HS256')), JSON.stringify({ ...validClaims(), ...claims }));

const time = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: NOW_S - 430, max: NOW_S + 430 }) },
  fc.constantFrom(...[-361, -360, -61, -60, -59, 60, 61, 300, 301].map((offset) => NOW_S + offset)),
  fc.constantFrom<unknown>(0, -1, 1e308, NOW_S * 1000, String(NOW_S), null, true, [NOW_S], {}, NOW_S + 0.5, undefined),
);

property(
  'times are accepted exactly in their windows',
  fc.asyncProperty(time, time, fc.option(time, { nil: undefined }), async (iat, exp, nbf) => {
    const isTime = (value: unknown): boolean => typeof value === 'number' && value > 0;
    // nbf may be left out, but not be null.
    const begin = nbf === undefined ? 1 : nbf;
    const [from, to, after] = [Number(iat), Number(exp), Number(begin)];
    const isAccepted =
      [iat, exp, begin].every(isTime) &&
      from < to &&
      to - from <= 300 &&
      from <= NOW_S + 60 &&
      after <= NOW_S + 60 &&
      to > NOW_S - 60;
    assert.equal((await judge(withClaims({ iat, exp, nbf }))) === 'valid', isAccepted);
  }),
);

property(
  'numbers that JSON can write and a double cannot hold are no times',
  fc.asyncProperty(
    fc.constantFrom('iat', 'exp', 'nbf'),
    fc.constantFrom('1e400', '-1e400', '1e309', '0', '-0', '-5', '1e-400'),
    async (claim, number) => {
      const claims = JSON.stringify({ ...validClaims(), [claim]: 'HERE' }).replace('"HERE"', number);
      assert.equal(await judge(compactOf('HS256', JSON.stringify(headerOf('HS256')), claims)), 'token_claims_invalid');
    },
  ),
);

const anyClaim = fc.oneof(
  fc.constantFrom<unknown>(
    ...[site.issuer, site.siteId, site.audience, 'Pressferry', ''],
    ...[['pressferry'], ['x', 'pressferry', 1], [['pressferry']], [], { pressferry: 1 }],
  ),
  fc.jsonValue({ maxDepth: 2 }),
  fc.constant(undefined),
);

property(
  'issuer, site and audience are the registered ones, a jti has its form, and other claims do not count',
  fc.asyncProperty(fc.constantFrom('iss', 'sub', 'aud', 'jti', 'extra'), anyClaim, async (claim, value) => {
    const isAccepted = {
      iss: value === site.issuer,
      sub: value === site.siteId,
      aud: value === site.audience || (Array.isArray(value) && value.includes(site.audience)),
      jti: typeof value === 'string' && /^[A-Za-z0-9._~:-]{1,128}$/.test(value),
      extra: true,
    }[claim];
    assert.equal((await judge(withClaims({ [claim]: value }))) === 'valid', isAccepted);
  }),
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
    fc.constantFrom('typ', 'b64', 'jwk', 'jku', 'x5c', 'x5u', '__proto__', 'zip', 'enc', 'cty'),
    fc.jsonValue({ maxDepth: 1 }),
  ),
);

property(
  'a header counts by its algorithm and its key alone, carries no key, and asks for no extension',
  fc.asyncProperty(fc.constantFrom(...ALGS), fc.array(headerMember, { maxLength: 3 }), async (name, members) => {
    const header = Object.fromEntries([...Object.entries(headerOf(name)), ...members]);
    const isAccepted = header.alg === name && header.kid === KIDS[name] && header.crit === undefined;
    const verdict = await judge(compactOf(name, JSON.stringify(header), JSON.stringify(validClaims())));
    assert.equal(verdict === 'valid', isAccepted, verdict);
  }),
);

property(
  'header and claims that are no JSON objects, or no UTF-8, make no token',
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
      assert.notEqual(await judge(`${input}.${signatureOf('HS256', input).toString('base64url')}`), 'valid');
    },
  ),
);
