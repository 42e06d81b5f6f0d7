import type { Database } from '@pressferry/database';
import type { SiteRecord } from '@pressferry/sites';
import { type Kysely, sql, type Transaction } from 'kysely';

/** The database, or a transaction in it. */
export type Queryable = Database | Transaction<Database extends Kysely<infer S> ? S : never>;

interface Row {
  site_id: string;
  status: SiteRecord['status'];
  paused_at: Date | null;
  issuer: string;
  audience: string;
  callback_url: string | null;
  callback_stopped_at: Date | null;
  settings: SiteRecord['settings'];
  keys: SiteRecord['keys'];
  secrets: SiteRecord['secrets'];
}

/**
 * Sites as they are to be published, all of them or those named, by id. Expired keys and secrets are left out. What Postgres holds is
 * not judged here: a record may be one that no service can use.
 */
export async function readSiteRecords(db: Queryable, siteIds?: readonly string[]): Promise<SiteRecord[]> {
  const { rows } = await sql<Row>`
    select site_id, status, paused_at, issuer, audience, callback_url, callback_stopped_at, settings,
      array(
        select json_build_object('kid', kid, 'algorithm', algorithm, 'public_key', public_key, 'expires_at', expires_at)
        from site_keys where site_keys.site_id = sites.site_id and (expires_at is null or expires_at > now())
        order by kid
      ) as keys,
      array(
        select json_build_object('sealed_secret', sealed_secret, 'expires_at', expires_at)
        from site_secrets where site_secrets.site_id = sites.site_id and (expires_at is null or expires_at > now())
        order by created_at desc, secret_id
      ) as secrets
    from sites ${siteIds === undefined ? sql`` : sql`where site_id = any(${siteIds}::text[])`}
    order by site_id`.execute(db);
  return rows.map((row) => ({
    site_id: row.site_id,
    status: row.status,
    paused_at: row.paused_at?.toISOString() ?? null,
    issuer: row.issuer,
    audience: row.audience,
    callback_url: row.callback_stopped_at === null ? row.callback_url : null,
    keys: row.keys.map((key) => ({ ...key, expires_at: instant(key.expires_at) })),
    secrets: row.secrets.map((secret) => ({ ...secret, expires_at: instant(secret.expires_at) })),
    settings: row.settings,
  }));
}

/** Postgres writes a time into JSON in the session's zone. */
const instant = (text: string | null): string | null => (text === null ? null : new Date(text).toISOString());

/** A site as it is to be published; undefined if it is not registered. */
export const readSiteRecord = async (db: Queryable, siteId: string): Promise<SiteRecord | undefined> =>
  (await readSiteRecords(db, [siteId]))[0];
