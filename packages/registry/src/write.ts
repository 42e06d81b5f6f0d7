import { randomUUID } from 'node:crypto';
import { DEFAULT_AUDIENCE } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import type { Keyring } from '@pressferry/runtime';
import { type Algorithm, type SiteRecord, type SiteSettings, secretContext } from '@pressferry/sites';

/** `undefined` members stay as they are. */
export interface SiteRegistration {
  siteId: string;
  issuer: string;
  audience?: string;
  callbackUrl?: string | null;
  status?: SiteRecord['status'];
  settings?: SiteSettings;
}

/** Registers a site, or changes the given members. Does not publish: call `publishSite`. */
export async function registerSite(db: Database, site: SiteRegistration): Promise<void> {
  const members = {
    issuer: site.issuer,
    ...(site.audience === undefined ? {} : { audience: site.audience }),
    ...(site.callbackUrl === undefined ? {} : { callback_url: site.callbackUrl, callback_stopped_at: null }),
    ...(site.status === undefined ? {} : { status: site.status }),
    ...(site.settings === undefined ? {} : { settings: JSON.stringify(site.settings) }),
  };
  await db
    .insertInto('sites')
    .values({ site_id: site.siteId, audience: DEFAULT_AUDIENCE, callback_url: null, ...members })
    .onConflict((conflict) => conflict.column('site_id').doUpdateSet({ ...members, updated_at: new Date() }))
    .execute();
}

/** Adds a key, or replaces the one of the same kid. `publicKey` is SPKI PEM. */
export async function addSiteKey(
  db: Database,
  key: { siteId: string; kid: string; algorithm: Exclude<Algorithm, 'HS256'>; publicKey: string },
): Promise<void> {
  await db
    .insertInto('site_keys')
    .values({ site_id: key.siteId, kid: key.kid, algorithm: key.algorithm, public_key: key.publicKey })
    .onConflict((conflict) =>
      conflict
        .columns(['site_id', 'kid'])
        .doUpdateSet({ algorithm: key.algorithm, public_key: key.publicKey, expires_at: null }),
    )
    .execute();
}

/** Seals a secret as the newest; older ones stay valid until `previousExpireAt`, or unchanged without it. */
export async function addSiteSecret(
  db: Database,
  keyring: Keyring,
  secret: { siteId: string; secret: string; previousExpireAt?: Date },
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    if (secret.previousExpireAt !== undefined) {
      await tx
        .updateTable('site_secrets')
        .set({ expires_at: secret.previousExpireAt })
        .where('site_id', '=', secret.siteId)
        .where((where) =>
          where.or([where('expires_at', 'is', null), where('expires_at', '>', secret.previousExpireAt ?? null)]),
        )
        .execute();
    }
    const sealed_secret = keyring.seal(secret.secret, secretContext(secret.siteId));
    await tx
      .insertInto('site_secrets')
      .values({ secret_id: randomUUID(), site_id: secret.siteId, sealed_secret })
      .execute();
  });
}
