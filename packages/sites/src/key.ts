import type { KeyObject } from 'node:crypto';
import type { Algorithm } from './record.ts';

/** RFC 7518, 3.3. */
export const MIN_RSA_BITS = 2_048;
/** RFC 7518, 3.2: the length of the hash. */
export const MIN_HS256_BYTES = 32;

/** Null if the key can verify tokens of the algorithm. */
export function keyFault(key: KeyObject, algorithm: Algorithm): string | null {
  if (algorithm === 'HS256') {
    const bytes = key.symmetricKeySize ?? 0;
    return bytes >= MIN_HS256_BYTES ? null : `is ${bytes} bytes long; HS256 needs ${MIN_HS256_BYTES}`;
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  if (algorithm === 'RS256') {
    if (type !== 'rsa') return `is of type ${type}; RS256 needs an RSA key`;
    const bits = details.modulusLength ?? 0;
    return bits >= MIN_RSA_BITS ? null : `has ${bits} bits; an RSA key needs ${MIN_RSA_BITS}`;
  }
  if (algorithm === 'ES256') {
    if (type !== 'ec') return `is of type ${type}; ES256 needs an EC key on P-256`;
    return details.namedCurve === 'prime256v1' ? null : `is on the curve ${details.namedCurve}; ES256 needs P-256`;
  }
  return type === 'ed25519' ? null : `is of type ${type}; EdDSA needs an Ed25519 key`;
}
