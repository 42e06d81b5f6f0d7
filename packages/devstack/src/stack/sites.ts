import type { Database } from '@pressferry/database';
import type { NatsConnection } from '@pressferry/jetstream';
import { addSiteKey, addSiteSecret, publishSite, readSite, registerSite } from '@pressferry/registry';
import type { Keyring } from '@pressferry/runtime';
import type { SiteSettings } from '@pressferry/sites';
import type { DemoSite } from './secrets.ts';

/** What registering and publishing a site needs. */
export interface Registry {
  db: Database;
  nats: NatsConnection;
  keyring: Keyring;
}

/** Limits by site: the site for load tests has none. */
const SETTINGS: Record<string, SiteSettings> = { load: { rate_limit: { per_minute: 0 } } };

/** Registers a demo site (again) with its key and secret, and publishes it. */
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
