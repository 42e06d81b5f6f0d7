import { createPublicKey } from 'node:crypto';
import { decodeJwt, jwtVerify } from 'jose';
import type { PublicKey } from '../check/public-key.ts';

/** Differs from a token's for ingress, so neither can serve as the other. */
export const ENROLMENT_AUDIENCE = 'pressferry-enrolment';

const MAX_LIFE_S = 300;
const LEEWAY_S = 60;

export type ProofFault = 'malformed' | 'signature' | 'claims' | 'time';

/**
 * Verifies that the site holds the private key: a JWT signed with it. `iss` is the home URL, `sub` the hex SHA-256 of
 * the enrolment token, or the site's id for a key change; it lives at most 300 s. Null if it holds.
 */
export async function proofFault(
  proof: string,
  key: PublicKey,
  expected: { homeUrl: string; subject: string; nowMs: number },
): Promise<ProofFault | null> {
  try {
    decodeJwt(proof);
  } catch {
    return 'malformed';
  }
  try {
    const { payload } = await jwtVerify(proof, createPublicKey(key.pem), {
      algorithms: [key.algorithm],
      audience: ENROLMENT_AUDIENCE,
      issuer: expected.homeUrl,
      subject: expected.subject,
      requiredClaims: ['iat', 'exp'],
      clockTolerance: LEEWAY_S,
      maxTokenAge: MAX_LIFE_S,
      currentDate: new Date(expected.nowMs),
    });
    const { iat = 0, exp = 0 } = payload;
    return exp - iat > MAX_LIFE_S ? 'time' : null;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' || code === 'ERR_JOSE_ALG_NOT_ALLOWED') return 'signature';
    if (code === 'ERR_JWT_EXPIRED') return 'time';
    if (code === 'ERR_JWT_CLAIM_VALIDATION_FAILED')
      return error instanceof Error && 'claim' in error && error.claim === 'iat' ? 'time' : 'claims';
    return 'malformed';
  }
}
