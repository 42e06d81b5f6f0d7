import type { Database } from '@pressferry/database';
import type { Algorithm, SiteRecord, SiteSettings } from '@pressferry/sites';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Labels } from './check/labels.ts';

export type Queryable = Database | Transaction<Database extends Kysely<infer S> ? S : never>;

/** As Postgres holds it, with expired keys and secrets, unchecked. */
export interface StoredSite {
  siteId: string;
  status: SiteRecord['status'];
  pausedAt: Date | null;
  issuer: string;
  audience: string;
  callbackUrl: string | null;
  callbackStoppedAt: Date | null;
  settings: SiteSettings;
  labels: Labels;
  createdAt: Date;
  updatedAt: Date;
  /** By kid. */
  keys: StoredKey[];
  /** Newest first. */
  secrets: StoredSecret[];
}

/** `material` is SPKI PEM, or for HS256 a sealed secret. */
export interface StoredKey {
  kid: string;
  algorithm: Algorithm;
  material: string;
  expiresAt: Date | null;
  createdAt: Date;
}

export interface StoredSecret {
  secretId: string;
  sealed: string;
  expiresAt: Date | null;
  createdAt: Date;
}

type Instants<T> = { [K in keyof T]: T[K] extends Date ? string : T[K] extends Date | null ? string | null : T[K] };
type Row = Omit<StoredSite, 'keys' | 'secrets'> & { keys: Instants<StoredKey>[]; secrets: Instants<StoredSecret>[] };

/** All sites, or those named, by id, in one statement. */
export async function readSites(db: Queryable, siteIds?: readonly string[]): Promise<StoredSite[]> {
  const { rows } = await sql<Row>`
    select site_id as "siteId", status, paused_at as "pausedAt", issuer, audience, callback_url as "callbackUrl",
      callback_stopped_at as "callbackStoppedAt", settings, labels, created_at as "createdAt", updated_at as "updatedAt",
      array(
        select json_build_object('kid', kid, 'algorithm', algorithm, 'material', public_key,
          'expiresAt', expires_at, 'createdAt', created_at)
        from site_keys where site_keys.site_id = sites.site_id order by kid
      ) as keys,
      array(
        select json_build_object('secretId', secret_id, 'sealed', sealed_secret,
          'expiresAt', expires_at, 'createdAt', created_at)
        from site_secrets where site_secrets.site_id = sites.site_id order by created_at desc, secret_id
      ) as secrets
    from sites ${siteIds === undefined ? sql`` : sql`where site_id = any(${siteIds}::text[])`}
    order by site_id`.execute(db);
  return rows.map((row) => ({ ...row, keys: row.keys.map(withDates), secrets: row.secrets.map(withDates) }));
}

const withDates = <T extends { expiresAt: string | null; createdAt: string }>(row: T) => ({
  ...row,
  expiresAt: row.expiresAt === null ? null : new Date(row.expiresAt),
  createdAt: new Date(row.createdAt),
});

/** Undefined if it is not registered. */
export const readSite = async (db: Queryable, siteId: string): Promise<StoredSite | undefined> =>
  (await readSites(db, [siteId]))[0];

export const isLive = ({ expiresAt }: { expiresAt: Date | null }, nowMs = Date.now()): boolean =>
  expiresAt === null || expiresAt.getTime() > nowMs;

/** For publishing: without expired keys and secrets, and without a stopped callback URL. */
export const recordOf = (site: StoredSite, nowMs = Date.now()): SiteRecord => ({
  site_id: site.siteId,
  status: site.status,
  paused_at: site.pausedAt?.toISOString() ?? null,
  issuer: site.issuer,
  audience: site.audience,
  callback_url: site.callbackStoppedAt === null ? site.callbackUrl : null,
  keys: site.keys
    .filter((key) => isLive(key, nowMs))
    .map(({ kid, algorithm, material, expiresAt }) => ({
      kid,
      algorithm,
      public_key: material,
      expires_at: expiresAt?.toISOString() ?? null,
    })),
  secrets: site.secrets
    .filter((secret) => isLive(secret, nowMs))
    .map(({ sealed, expiresAt }) => ({ sealed_secret: sealed, expires_at: expiresAt?.toISOString() ?? null })),
  settings: site.settings,
});
