import { MAX_TOKEN_LIFE_S, type ProblemCode, TOKEN_SKEW_S } from '@pressferry/contracts';
import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import type { Site } from './site.ts';

/** Nothing of it is verified. */
export interface UnverifiedToken {
  compact: string;
  algorithm: string;
  kid: string;
  claims: JWTPayload;
}

/** Times in seconds since the epoch. */
export interface TokenClaims {
  iss: string;
  sub: string;
  jti: string;
  iat: number;
  exp: number;
}

export interface TokenRules {
  allowHs256: boolean;
}

const COMPACT_FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;
const JTI_FORM = /^[A-Za-z0-9._~:-]{1,128}$/;
const MAX_TOKEN_CHARS = 8_192;

/** Parses a compact JWT; null if malformed, spelt in a second way, or with an extension (`crit`). */
export function parseToken(compact: string): UnverifiedToken | null {
  if (compact.length > MAX_TOKEN_CHARS || !COMPACT_FORM.test(compact)) return null;
  if (!compact.split('.').every(isCanonical)) return null;
  try {
    const { alg, kid, crit } = decodeProtectedHeader(compact);
    if (typeof alg !== 'string' || typeof kid !== 'string' || crit !== undefined) return null;
    return { compact, algorithm: alg, kid, claims: decodeJwt(compact) };
  } catch {
    // A sender cannot tell jose's kinds of malformed tokens apart.
    return null;
  }
}

/**
 * True if base64url's unused bits are zero (RFC 4648, 3.5), which jose does not check: else two texts would be one
 * token.
 */
function isCanonical(part: string): boolean {
  const over = part.length % 4;
  if (over === 0) return true;
  return over !== 1 && (over === 2 ? 'AQgw' : 'AEIMQUYcgkosw048').includes(part.slice(-1));
}

/** Returns the claims or the refusal's code. Does not check whether `jti` was used: that needs a store. */
export async function verifyToken(
  token: UnverifiedToken,
  site: Site,
  nowMs: number,
  rules: TokenRules,
): Promise<TokenClaims | ProblemCode> {
  const key = site.keys.get(token.kid);
  // Registered but unusable here: our fault.
  if (key === null) return 'registry_unavailable';
  if (key === undefined || key.expiresAtMs <= nowMs) return 'token_key_unknown';
  // The registered algorithm, never the token's choice: refuses "none", and HS256 under a public key.
  if (token.algorithm !== key.algorithm) return 'token_algorithm_refused';
  if (key.algorithm === 'HS256' && !rules.allowHs256) return 'token_algorithm_refused';
  const claims = readClaims(token.claims, nowMs / 1000);
  if (typeof claims === 'string') return claims;
  try {
    await jwtVerify(token.compact, key.key, {
      algorithms: [key.algorithm],
      issuer: site.issuer,
      subject: site.siteId,
      audience: site.audience,
      currentDate: new Date(nowMs),
      clockTolerance: TOKEN_SKEW_S,
    });
    return claims;
  } catch (error) {
    return problemOf(error);
  }
}

/** Checks form, lifetime and a future `iat`, which jose does not judge within these bounds. */
function readClaims({ iss, sub, iat, exp, nbf, jti }: JWTPayload, nowS: number): TokenClaims | ProblemCode {
  if (typeof iss !== 'string' || typeof sub !== 'string') return 'token_claims_invalid';
  if (!isTime(iat) || !isTime(exp) || !(nbf === undefined || isTime(nbf))) return 'token_claims_invalid';
  if (typeof jti !== 'string' || !JTI_FORM.test(jti) || exp <= iat) return 'token_claims_invalid';
  if (exp - iat > MAX_TOKEN_LIFE_S) return 'token_lifetime_too_long';
  if (iat - TOKEN_SKEW_S > nowS) return 'token_not_yet_valid';
  return { iss, sub, jti, iat, exp };
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value > 0;

function problemOf(error: unknown): ProblemCode {
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'token_signature_invalid';
  if (error instanceof errors.JWTExpired) return 'token_expired';
  if (error instanceof errors.JWTClaimValidationFailed) return CLAIM_PROBLEMS[error.claim] ?? 'token_claims_invalid';
  throw error;
}

const CLAIM_PROBLEMS: Readonly<Record<string, ProblemCode>> = {
  iss: 'token_issuer_mismatch',
  sub: 'site_unknown',
  aud: 'token_audience_mismatch',
  nbf: 'token_not_yet_valid',
};
