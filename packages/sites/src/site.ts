import { createSecretKey, KeyObject } from 'node:crypto';
import { secretKey } from '@pressferry/contracts';
import type { Keyring } from '@pressferry/runtime';
import { importSPKI } from 'jose';
import { keyFault } from './key.ts';
import { type Algorithm, type SiteRecord, type SiteSettings, secretContext } from './record.ts';

/** `expiresAtMs` is Infinity if none is set. */
export interface SiteKey {
  algorithm: Algorithm;
  key: KeyObject;
  expiresAtMs: number;
}

/** Signs bodies in both directions. */
export interface SiteSecret {
  key: KeyObject;
  expiresAtMs: number;
}

/** Why this process cannot use a part of a site's record; nothing secret. */
export interface Unusable {
  /** `record`, `key <kid>`, `secret <n>` (the newest is 1) or `callback_url`. */
  part: string;
  reason: string;
}

export interface Site {
  siteId: string;
  status: SiteRecord['status'];
  /** Ms since the epoch; 0 if unknown. */
  pausedAtMs: number;
  issuer: string;
  audience: string;
  callbackUrl: string | null;
  /** By kid; null for a registered key that this process cannot use. */
  keys: ReadonlyMap<string, SiteKey | null>;
  /** Newest first, without those that this process cannot open. */
  secrets: readonly SiteSecret[];
  /** Until when an unopened secret is live, ms since the epoch; -Infinity if there is none. */
  unopenedUntilMs: number;
  settings: SiteSettings;
  unusable: readonly Unusable[];
}

const expiry = (instant: string | null): number => (instant === null ? Number.POSITIVE_INFINITY : Date.parse(instant));

export async function openSite(record: SiteRecord, keyring: Pick<Keyring, 'open'>): Promise<Site> {
  const context = secretContext(record.site_id);
  const unusable: Unusable[] = [];
  const keys = new Map<string, SiteKey | null>();
  for (const { kid, algorithm, public_key, expires_at } of record.keys) {
    try {
      const key =
        algorithm === 'HS256'
          ? createSecretKey(keyring.open(public_key, context))
          : KeyObject.from(await importSPKI(public_key, algorithm));
      const fault = keyFault(key, algorithm);
      if (fault !== null) throw new Error(`the key ${fault}`);
      keys.set(kid, { algorithm, key, expiresAtMs: expiry(expires_at) });
    } catch (error) {
      keys.set(kid, null);
      unusable.push({ part: `key ${kid}`, reason: reasonOf(error) });
    }
  }
  const secrets: SiteSecret[] = [];
  let unopenedUntilMs = Number.NEGATIVE_INFINITY;
  for (const [at, { sealed_secret, expires_at }] of record.secrets.entries()) {
    const expiresAtMs = expiry(expires_at);
    try {
      secrets.push({ key: secretKey(keyring.open(sealed_secret, context).toString('utf8')), expiresAtMs });
    } catch (error) {
      unopenedUntilMs = Math.max(unopenedUntilMs, expiresAtMs);
      unusable.push({ part: `secret ${at + 1}`, reason: reasonOf(error) });
    }
  }
  const callbackUrl = record.callback_url;
  if (callbackUrl !== null && !isWebUrl(callbackUrl)) {
    unusable.push({ part: 'callback_url', reason: 'is not an absolute http or https URL' });
  }
  return {
    siteId: record.site_id,
    status: record.status,
    pausedAtMs: record.paused_at ? Date.parse(record.paused_at) : 0,
    issuer: record.issuer,
    audience: record.audience,
    callbackUrl: callbackUrl !== null && isWebUrl(callbackUrl) ? callbackUrl : null,
    keys,
    secrets,
    unopenedUntilMs,
    settings: record.settings,
    unusable,
  };
}

const isWebUrl = (text: string): boolean => /^https?:$/.test(URL.parse(text)?.protocol ?? '');

/** The errors of the keyring and of jose's import quote no input. */
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : 'cannot be used');

/** True unless the record has a key or a secret and none is usable. */
export function canVerify({ keys, secrets, unopenedUntilMs }: Site): boolean {
  const hasKey = keys.size === 0 || [...keys.values()].some((key) => key !== null);
  return hasKey && (secrets.length > 0 || unopenedUntilMs === Number.NEGATIVE_INFINITY);
}

export function liveSecrets(site: Pick<Site, 'secrets'>, nowMs: number): KeyObject[] {
  return site.secrets.filter(({ expiresAtMs }) => expiresAtMs > nowMs).map(({ key }) => key);
}
