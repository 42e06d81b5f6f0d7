import type { Database } from '@pressferry/database';
import type { NatsConnection } from '@pressferry/jetstream';
import { addSiteKey, addSiteSecret, publishSite, readSite, registerSite } from '@pressferry/registry';
import type { Keyring } from '@pressferry/runtime';
import type { SiteSettings } from '@pressferry/sites';
import type { DemoSite } from './secrets.ts';

export interface Registry {
  db: Database;
  nats: NatsConnection;
  keyring: Keyring;
}

/** The site for load tests has no limits. */
const SETTINGS: Record<string, SiteSettings> = { load: { rate_limit: { per_minute: 0 } } };

/** Registers a demo site, again if needed, and publishes it. */
export async function provideSite(registry: Registry, site: DemoSite, callbackUrl: string | null): Promise<void> {
  const { db, keyring } = registry;
  const { siteId, issuer, audience, kid, publicKeyPem, hmacSecret } = site;
  await registerSite(db, { siteId, issuer, audience, callbackUrl, settings: SETTINGS[siteId] ?? {} });
  await addSiteKey(db, { siteId, kid, algorithm: 'RS256', publicKey: publicKeyPem });
  // Each call adds another secret.
  const known = await readSite(db, siteId);
  if (known?.secrets.length === 0) await addSiteSecret(db, keyring, { siteId, secret: hmacSecret });
  await publishSite(db, registry.nats, siteId);
}
