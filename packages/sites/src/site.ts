import { createSecretKey, KeyObject } from 'node:crypto';
import { secretKey } from '@pressferry/contracts';
import type { Keyring } from '@pressferry/runtime';
import { importSPKI } from 'jose';
import { type Algorithm, type SiteRecord, type SiteSettings, secretContext } from './record.ts';

/** A key that verifies a site's tokens; `expiresAtMs` is Infinity where none is set. */
export interface SiteKey {
  algorithm: Algorithm;
  key: KeyObject;
  expiresAtMs: number;
}

/** A secret that signs bodies in both directions. */
export interface SiteSecret {
  key: KeyObject;
  expiresAtMs: number;
}

/** A registered site, its keys parsed once and its secrets opened. */
export interface Site {
  siteId: string;
  status: SiteRecord['status'];
  /** When it was paused, ms since the epoch; 0 where that is not known. */
  pausedAtMs: number;
  issuer: string;
  audience: string;
  callbackUrl: string | null;
  keys: ReadonlyMap<string, SiteKey>;
  /** Newest first. */
  secrets: readonly SiteSecret[];
  settings: SiteSettings;
}

const expiry = (instant: string | null): number => (instant === null ? Number.POSITIVE_INFINITY : Date.parse(instant));

/** Makes a site of its record. Throws where a key cannot be imported or a secret does not open. */
export async function openSite(record: SiteRecord, keyring: Pick<Keyring, 'open'>): Promise<Site> {
  const context = secretContext(record.site_id);
  const keys = new Map<string, SiteKey>();
  for (const { kid, algorithm, public_key, expires_at } of record.keys) {
    const key =
      algorithm === 'HS256'
        ? createSecretKey(keyring.open(public_key, context))
        : KeyObject.from(await importSPKI(public_key, algorithm));
    keys.set(kid, { algorithm, key, expiresAtMs: expiry(expires_at) });
  }
  return {
    siteId: record.site_id,
    status: record.status,
    pausedAtMs: record.paused_at ? Date.parse(record.paused_at) : 0,
    issuer: record.issuer,
    audience: record.audience,
    callbackUrl: record.callback_url,
    keys,
    secrets: record.secrets.map(({ sealed_secret, expires_at }) => ({
      key: secretKey(keyring.open(sealed_secret, context).toString('utf8')),
      expiresAtMs: expiry(expires_at),
    })),
    settings: record.settings,
  };
}

/** The keys of a site's unexpired secrets, newest first. */
export function liveSecrets(site: Pick<Site, 'secrets'>, nowMs: number): KeyObject[] {
  return site.secrets.filter(({ expiresAtMs }) => expiresAtMs > nowMs).map(({ key }) => key);
}
