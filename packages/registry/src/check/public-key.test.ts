import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { property } from '@pressferry/testing/property';
import { ecKeyPair, edKeyPair, rsaKeyPair } from '@pressferry/testing/signing';
import fc from 'fast-check';
import { importSPKI } from 'jose';
import { readPublicKey } from './public-key.ts';

const [RSA, EC, ED] = [rsaKeyPair(0), ecKeyPair(0), edKeyPair(0)];
const spki = (key: KeyObject): string => key.export({ format: 'pem', type: 'spki' }).toString();
const rsa = (modulusLength: number, publicExponent = 65_537) =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey;

test('a public key is taken for the algorithm of its type, in every form that services read, and stored in one', () => {
  for (const [pair, algorithm] of [
    [RSA, 'RS256'],
    [EC, 'ES256'],
    [ED, 'EdDSA'],
  ] as const) {
    const forms = [
      pair.publicPem,
      pair.publicPem.trimEnd(),
      pair.publicPem.replaceAll('\n', '\r\n'),
      pair.publicPem.replaceAll('\n', ''),
    ];
    for (const form of forms) {
      assert.deepEqual(readPublicKey(form), { algorithm, pem: pair.publicPem });
      assert.deepEqual(readPublicKey(form, algorithm), { algorithm, pem: pair.publicPem });
    }
  }
});

const certificate =
  '-----BEGIN CERTIFICATE-----\nMIIBhTCCASugAwIBAgIQIRi6zePL6mKjOipn+dNuaTAKBggqhkjOPQQDAjASMRAw\n-----END CERTIFICATE-----\n';

const REFUSED: [what: string, text: string, algorithm: 'RS256' | 'ES256' | 'EdDSA' | undefined, reason: RegExp][] = [
  ['a private key', String(RSA.privateKey.export({ format: 'pem', type: 'pkcs8' })), 'RS256', /private key.*-pubout/],
  ['a private key of PKCS#1', String(RSA.privateKey.export({ format: 'pem', type: 'pkcs1' })), undefined, /private/],
  [
    'a private key behind a BOM',
    `\uFEFF${RSA.privateKey.export({ format: 'pem', type: 'pkcs8' })}`,
    'RS256',
    /private/,
  ],
  ['PKCS#1', String(RSA.publicKey.export({ format: 'pem', type: 'pkcs1' })), 'RS256', /PKCS#1.*RSAPublicKey_in/],
  ['a certificate', certificate, 'ES256', /certificate.*openssl x509/],
  ['a key of SSH', 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ me@host', undefined, /ssh-keygen/],
  ['a JWK', JSON.stringify(RSA.publicJwk), 'RS256', /JSON/],
  ['a byte order mark', `\uFEFF${RSA.publicPem}`, 'RS256', /byte order mark/],
  ['a blank line in front', `\n${RSA.publicPem}`, 'RS256', /does not begin with/],
  ['text in front', `my key\n${RSA.publicPem}`, 'RS256', /does not begin with/],
  ['text behind', `${RSA.publicPem}my key\n`, 'RS256', /does not end with/],
  ['two keys', `${RSA.publicPem}${EC.publicPem}`, 'RS256', /more than one/],
  ['line breaks written out', RSA.publicPem.replaceAll('\n', '\\n'), 'RS256', /printf/],
  ['half of it', RSA.publicPem.slice(0, 200), 'RS256', /cut off/],
  ['damage', RSA.publicPem.replace('MIIB', 'MIIX'), 'RS256', /damaged/],
  ['nothing', ' \n', 'RS256', /empty/],
  ['RSA of 1024 bits', spki(rsa(1_024)), undefined, /1024 bits; an RSA key needs 2048/],
  ['RSA with the exponent 3', spki(rsa(2_048, 3)), undefined, /exponent 3/],
  ['EC for RS256', EC.publicPem, 'RS256', /type ec; RS256 needs an RSA key/],
  ['RSA for ES256', RSA.publicPem, 'ES256', /needs an EC key on P-256/],
  ['P-384', spki(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey), undefined, /curve secp384r1/],
  ['secp256k1', spki(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey), 'ES256', /curve secp256k1/],
  ['Ed448', spki(generateKeyPairSync('ed448').publicKey), 'EdDSA', /needs an Ed25519 key/],
  ['X25519', spki(generateKeyPairSync('x25519').publicKey), undefined, /register an RSA, EC \(P-256\) or Ed25519 key/],
  ['RSA-PSS', spki(generateKeyPairSync('rsa-pss', { modulusLength: 2_048 }).publicKey), 'RS256', /type rsa-pss/],
];

for (const [what, text, algorithm, reason] of REFUSED) {
  test(`${what} is refused with the remedy`, () => {
    const read = readPublicKey(text, algorithm);
    assert.ok('refused' in read, 'taken');
    assert.match(read.refused, reason);
    // The error repeats nothing of the input.
    assert.doesNotMatch(read.refused, /MII|AAAAB3/);
  });
}

property(
  'whatever the text, a key that is taken is one that services import for its algorithm',
  fc.asyncProperty(
    fc.constantFrom(RSA.publicPem, EC.publicPem, ED.publicPem),
    fc.constantFrom('RS256' as const, 'ES256' as const, 'EdDSA' as const, undefined),
    fc.nat({ max: 500 }),
    fc.string({ unit: fc.constantFrom(...'AQgw=+/ \n-\r\\n'), maxLength: 4 }),
    async (pem, algorithm, at, inserted) => {
      const read = readPublicKey(`${pem.slice(0, at)}${inserted}${pem.slice(at + inserted.length)}`, algorithm);
      if ('refused' in read) return;
      if (algorithm !== undefined) assert.equal(read.algorithm, algorithm);
      await importSPKI(read.pem, read.algorithm);
      assert.equal(spki(createPublicKey(read.pem)), read.pem);
    },
  ),
);
