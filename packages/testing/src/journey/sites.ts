import { rsaKeyPair } from '../keys.ts';
import type { TestSender } from '../signed-request.ts';

export interface JourneySite extends TestSender {
  audience: string;
  privateKey: NonNullable<TestSender['privateKey']>;
  publicKeyPem: string;
}

/** All sign with one key, because only their secrets and names matter here. */
export function journeySites(count: number): JourneySite[] {
  const key = rsaKeyPair(0);
  return Array.from({ length: count }, (_, index) => {
    const siteId = `site-${String(index).padStart(3, '0')}`;
    return {
      siteId,
      issuer: `https://${siteId}.example`,
      audience: 'pressferry',
      kid: key.kid,
      alg: 'RS256',
      privateKey: key.privateKey,
      publicKeyPem: key.publicPem,
      hmacSecret: `secret-of-${siteId}-of-no-value-0123456789`,
    };
  });
}
