import { createHmac } from 'node:crypto';
import { addressesIn, formsOf, isAddress } from './addresses.ts';

/** A site, one of its objects, or every event that names a person. */
export type Target =
  | { kind: 'site'; siteId: string }
  | { kind: 'object'; siteId: string; objectRef: string }
  | { kind: 'person'; siteId: string | undefined; names: (text: string) => boolean };

/**
 * In any spelling, with its sub-addresses (docs/decisions/0099-whose-address-it-is.md). Throws if it is not one
 * address.
 */
export function personByEmail(email: string, siteId?: string): Target {
  if (!isAddress(email)) throw new TypeError('not one e-mail address');
  const wanted = new Set(formsOf(email));
  return personNamed(siteId, (form) => wanted.has(form));
}

/**
 * `hash` comes from a site's erasure event: hex HMAC-SHA256 of the lower-cased address under one of the site's secrets.
 */
export function personByHash(hash: string, siteId: string, secrets: readonly string[]): Target {
  return personNamed(siteId, (form) =>
    secrets.some((secret) => createHmac('sha256', secret).update(form).digest('hex') === hash),
  );
}

function personNamed(siteId: string | undefined, isWanted: (form: string) => boolean): Target {
  return {
    kind: 'person',
    siteId,
    names: (text) => {
      for (const address of addressesIn(text)) if (formsOf(address, true).some(isWanted)) return true;
      return false;
    },
  };
}
