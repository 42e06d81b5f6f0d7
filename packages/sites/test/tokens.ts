import { createHmac, randomUUID, sign } from 'node:crypto';
import { ecKeyPair, edKeyPair, rsaKeyPair } from '@pressferry/testing/signing';
import { openSite } from '../src/site.ts';
import { parseToken, verifyToken } from '../src/token.ts';

/** When the tokens of these tests are made and verified. */
export const NOW_S = 1_795_500_000;
const HMAC_SECRET = 'a shared secret of thirty-two bytes, or more';
export const [RSA, EC, ED] = [rsaKeyPair(0), ecKeyPair(0), edKeyPair(0)];
const PAIRS = { RS256: RSA, ES256: EC, EdDSA: ED } as const;
/** Every algorithm that a key may be registered for. */
export const ALGS = ['RS256', 'ES256', 'EdDSA', 'HS256'] as const;
export type Alg = (typeof ALGS)[number];
export const KIDS: Readonly<Record<Alg, string>> = { RS256: 'rsa', ES256: 'ec', EdDSA: 'ed', HS256: 'hmac' };

/** A site with a key of each algorithm. */
export const site = await openSite(
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

export const encode = (text: string): string => Buffer.from(text).toString('base64url');

/** The signature that the holder of the keys makes. */
export function signatureOf(alg: string, input: string, hmacSecret: string | Buffer = HMAC_SECRET): Buffer {
  const bytes = Buffer.from(input);
  if (alg === 'RS256') return sign('sha256', bytes, RSA.privateKey);
  if (alg === 'ES256') return sign('sha256', bytes, { key: EC.privateKey, dsaEncoding: 'ieee-p1363' });
  if (alg === 'EdDSA') return sign(null, bytes, ED.privateKey);
  return createHmac('sha256', hmacSecret).update(bytes).digest();
}

/** A token of the given header and claims, as texts, so they need not be what JSON.stringify writes. */
export function compactOf(alg: Alg, header: string, claims: string): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${signatureOf(alg, input).toString('base64url')}`;
}

/** What makes a token valid. */
export const validClaims = () => ({
  iss: 'https://harbour.example',
  sub: 'harbour',
  aud: 'pressferry',
  iat: NOW_S,
  exp: NOW_S + 300,
  jti: randomUUID(),
});
export const headerOf = (alg: Alg) => ({ alg, typ: 'JWT', kid: KIDS[alg] });
/** A valid token with its own id. */
export const validToken = (alg: Alg): string =>
  compactOf(alg, JSON.stringify(headerOf(alg)), JSON.stringify(validClaims()));

/** What the verifier says: "valid" or its code. */
export async function judge(compact: string, allowHs256 = true): Promise<string> {
  const token = parseToken(compact);
  if (token === null) return 'token_malformed';
  const verified = await verifyToken(token, site, NOW_S * 1000, { allowHs256 });
  return typeof verified === 'string' ? verified : 'valid';
}

/** True if each part is spelt as an encoder spells it. */
export const isCanonical = (compact: string): boolean =>
  compact.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);
