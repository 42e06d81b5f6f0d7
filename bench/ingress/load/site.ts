import { randomBytes } from 'node:crypto';
import { createKeyring } from '@pressferry/runtime';
import { type SiteRecord, secretContext } from '@pressferry/sites';
import { rsaKeyPair, type TestSender } from '@pressferry/testing/signing';

const key = rsaKeyPair(0);

/** The one site that all load comes from. */
export const benchSender: TestSender & { privateKey: NonNullable<TestSender['privateKey']> } = {
  siteId: 'bench',
  issuer: 'https://bench.example',
  kid: key.kid,
  alg: 'RS256',
  privateKey: key.privateKey,
  hmacSecret: 'bench-secret-of-no-value-0123456789abcdef',
};

/** Never reached, but a limit: every request goes through the limiter. */
export const UNREACHED_LIMIT_PER_MINUTE = 10_000_000;

const sealingKeys = `bench:${randomBytes(32).toString('base64')}`;
/** Opens what the measured ingress seals. */
export const benchKeyring = createKeyring(sealingKeys);

/** The sealing keys of one run, and the site's record sealed under them. */
export function benchSite(): { sealingKeys: string; record: SiteRecord } {
  const { siteId, issuer, hmacSecret } = benchSender;
  const sealed = benchKeyring.seal(hmacSecret, secretContext(siteId));
  const record: SiteRecord = {
    site_id: siteId,
    status: 'active',
    paused_at: null,
    issuer,
    audience: 'pressferry',
    callback_url: null,
    keys: [{ kid: key.kid, algorithm: 'RS256', public_key: key.publicPem, expires_at: null }],
    secrets: [{ sealed_secret: sealed, expires_at: null }],
    settings: { rate_limit: { per_minute: UNREACHED_LIMIT_PER_MINUTE, burst: UNREACHED_LIMIT_PER_MINUTE } },
  };
  return { sealingKeys, record };
}
