import assert from 'node:assert/strict';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import {
  ALGS,
  agree,
  compactOf,
  encode,
  headerOf,
  judge,
  KIDS,
  NOW_S,
  signatureOf,
  validClaims,
} from '../test/tokens.ts';

const alg = fc.constantFrom(...ALGS);

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
