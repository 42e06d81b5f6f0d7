import { createHmac, timingSafeEqual, verify } from 'node:crypto';
import { MAX_TOKEN_LIFE_S, type ProblemCode, TOKEN_SKEW_S } from '@pressferry/contracts';
import type { Site, SiteKey } from './site.ts';

/** A token taken apart, nothing of it verified. */
export interface UnverifiedToken {
  algorithm: string;
  kid: string;
  claims: Record<string, unknown>;
  signingInput: string;
  /** In base64url, its form checked; decoded only where it is to be verified. */
  signature: string;
}

/** The claims of a verified token; times in seconds since the epoch. */
export interface TokenClaims {
  iss: string;
  sub: string;
  jti: string;
  iat: number;
  exp: number;
}

const COMPACT_FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;
const JTI_FORM = /^[A-Za-z0-9._~:-]{1,128}$/;
const MAX_TOKEN_CHARS = 8_192;

/** Takes a compact JWS apart (RFC 7515, RFC 7519); null where it is no JWT or asks for an extension (`crit`). */
export function parseToken(compact: string): UnverifiedToken | null {
  if (compact.length > MAX_TOKEN_CHARS || !COMPACT_FORM.test(compact)) return null;
  const firstDot = compact.indexOf('.');
  const lastDot = compact.lastIndexOf('.');
  const header = parseHeader(compact.slice(0, firstDot));
  if (header === null) return null;
  const middle = compact.slice(firstDot + 1, lastDot);
  const last = compact.slice(lastDot + 1);
  if (!isOnlySpelling(middle) || !isOnlySpelling(last)) return null;
  const claims = parseObject(middle);
  if (claims === null) return null;
  return { ...header, claims, signingInput: compact.slice(0, lastDot), signature: last };
}

function parseHeader(encoded: string): Pick<UnverifiedToken, 'algorithm' | 'kid'> | null {
  const header = isOnlySpelling(encoded) ? parseObject(encoded) : null;
  if (header === null || header.crit !== undefined) return null;
  const { alg, kid } = header;
  return typeof alg === 'string' && typeof kid === 'string' ? { algorithm: alg, kid } : null;
}

/** True where the bits that base64url leaves over at the end are zero (RFC 4648, 3.5): else two texts would be one token. */
function isOnlySpelling(part: string): boolean {
  const over = part.length % 4;
  if (over === 0) return true;
  return over !== 1 && (over === 2 ? 'AQgw' : 'AEIMQUYcgkosw048').includes(part.slice(-1));
}

function parseObject(encoded: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

export interface TokenRules {
  /** HS256 is refused unless the operator allows it. */
  allowHs256: boolean;
}

/**
 * Verifies a token for its site: algorithm registered for the key, signature, then claims. Returns the claims or the code of the refusal.
 * Whether its `jti` was used before is another question, for it needs a store.
 */
export function verifyToken(
  token: UnverifiedToken,
  site: Site,
  nowMs: number,
  rules: TokenRules,
): TokenClaims | ProblemCode {
  const key = site.keys.get(token.kid);
  if (key === undefined || key.expiresAtMs <= nowMs) return 'token_key_unknown';
  // The algorithm is the registered one, never the token's choice: "none" and HS256 under a public key end here.
  if (token.algorithm !== key.algorithm) return 'token_algorithm_refused';
  if (key.algorithm === 'HS256' && !rules.allowHs256) return 'token_algorithm_refused';
  if (!signatureVerifies(token, key)) return 'token_signature_invalid';
  return checkClaims(token.claims, site, nowMs / 1000);
}

function signatureVerifies(token: UnverifiedToken, { algorithm, key }: SiteKey): boolean {
  const input = Buffer.from(token.signingInput, 'latin1');
  const signature = Buffer.from(token.signature, 'base64url');
  if (algorithm === 'RS256') return verify('sha256', input, key, signature);
  if (algorithm === 'ES256') return verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature);
  if (algorithm === 'EdDSA') return verify(null, input, key, signature);
  const expected = createHmac('sha256', key).update(input).digest();
  return signature.length === expected.length && timingSafeEqual(signature, expected);
}

function checkClaims(claims: Record<string, unknown>, site: Site, nowS: number): TokenClaims | ProblemCode {
  const { iss, sub, aud, iat, exp, nbf, jti } = claims;
  if (typeof iss !== 'string' || typeof sub !== 'string') return 'token_claims_invalid';
  if (!isTime(iat) || !isTime(exp) || !(nbf === undefined || isTime(nbf))) return 'token_claims_invalid';
  if (typeof jti !== 'string' || !JTI_FORM.test(jti)) return 'token_claims_invalid';
  if (iss !== site.issuer) return 'token_issuer_mismatch';
  if (sub !== site.siteId) return 'site_unknown';
  if (aud !== site.audience && !(Array.isArray(aud) && aud.includes(site.audience))) return 'token_audience_mismatch';
  if (exp <= iat) return 'token_claims_invalid';
  if (exp - iat > MAX_TOKEN_LIFE_S) return 'token_lifetime_too_long';
  if (exp + TOKEN_SKEW_S <= nowS) return 'token_expired';
  if (iat - TOKEN_SKEW_S > nowS || (nbf !== undefined && nbf - TOKEN_SKEW_S > nowS)) return 'token_not_yet_valid';
  return { iss, sub, jti, iat, exp };
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value > 0;
