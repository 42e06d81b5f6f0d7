import { Kvm } from '@nats-io/kv';
import { SITES_BUCKET } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import type { NatsConnection } from '@pressferry/jetstream';
import type { Keyring } from '@pressferry/runtime';
import { putSite, type SiteSettings } from '@pressferry/sites';
import { addSiteKey, addSiteSecret, readSiteRecord, registerSite } from '@pressferry/sites/registry';
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
  const known = await readSiteRecord(db, siteId);
  if (known?.secrets.length === 0) await addSiteSecret(db, keyring, { siteId, secret: hmacSecret });
  await publishSite(registry, siteId);
}

/** Publishes a site as Postgres holds it; false where it is not registered. */
export async function publishSite({ db, nats }: Pick<Registry, 'db' | 'nats'>, siteId: string): Promise<boolean> {
  const record = await readSiteRecord(db, siteId);
  if (record !== undefined) await putSite(await new Kvm(nats).open(SITES_BUCKET), record);
  return record !== undefined;
}
