import { randomUUID } from 'node:crypto';
import { DEFAULT_AUDIENCE } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import type { Keyring } from '@pressferry/runtime';
import { type Algorithm, type SiteRecord, type SiteSettings, secretContext, siteRecordSchema } from '../record.ts';

/** A site to register or to change; `undefined` members stay as they are. */
export interface SiteRegistration {
  siteId: string;
  issuer: string;
  audience?: string;
  callbackUrl?: string | null;
  status?: SiteRecord['status'];
  settings?: SiteSettings;
}

/** Registers a site or changes the given members of one. Publishes nothing: `readSiteRecord` gives what to publish. */
export async function registerSite(db: Database, site: SiteRegistration): Promise<void> {
  const members = {
    issuer: site.issuer,
    audience: site.audience ?? DEFAULT_AUDIENCE,
    ...(site.callbackUrl === undefined ? {} : { callback_url: site.callbackUrl, callback_stopped_at: null }),
    ...(site.status === undefined ? {} : { status: site.status }),
    ...(site.settings === undefined ? {} : { settings: JSON.stringify(site.settings) }),
  };
  await db
    .insertInto('sites')
    .values({ site_id: site.siteId, callback_url: null, ...members })
    .onConflict((conflict) => conflict.column('site_id').doUpdateSet({ ...members, updated_at: new Date() }))
    .execute();
}

/** Adds a key that verifies a site's tokens, or replaces the one of the same kid. `publicKey` is SPKI PEM. */
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

/** Adds a secret, sealed, as the newest; older ones stay valid until `previousExpireAt`, or as they were without it. */
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

/** A site as it is published; undefined where it is not registered. Expired keys and secrets are left out. */
export async function readSiteRecord(db: Database, siteId: string): Promise<SiteRecord | undefined> {
  const site = await db.selectFrom('sites').selectAll().where('site_id', '=', siteId).executeTakeFirst();
  if (site === undefined) return undefined;
  const keys = await db.selectFrom('site_keys').selectAll().where('site_id', '=', siteId).execute();
  const secrets = await db
    .selectFrom('site_secrets')
    .selectAll()
    .where('site_id', '=', siteId)
    .orderBy('created_at', 'desc')
    .execute();
  const isLive = ({ expires_at }: { expires_at: Date | null }): boolean =>
    expires_at === null || expires_at > new Date();
  return siteRecordSchema.parse({
    site_id: site.site_id,
    status: site.status,
    paused_at: site.paused_at?.toISOString() ?? null,
    issuer: site.issuer,
    audience: site.audience,
    callback_url: site.callback_stopped_at === null ? site.callback_url : null,
    keys: keys.filter(isLive).map(({ kid, algorithm, public_key, expires_at }) => ({
      kid,
      algorithm,
      public_key,
      expires_at: expires_at?.toISOString() ?? null,
    })),
    secrets: secrets.filter(isLive).map(({ sealed_secret, expires_at }) => ({
      sealed_secret,
      expires_at: expires_at?.toISOString() ?? null,
    })),
    settings: site.settings,
  });
}

/** The ids of all registered sites. */
export async function listSiteIds(db: Database): Promise<string[]> {
  const rows = await db.selectFrom('sites').select('site_id').orderBy('site_id').execute();
  return rows.map(({ site_id }) => site_id);
}
