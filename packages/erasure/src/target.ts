import { createHmac } from 'node:crypto';

/** A site, one of its objects, or every event that names a person. */
export type Target =
  | { kind: 'site'; siteId: string }
  | { kind: 'object'; siteId: string; objectRef: string }
  | { kind: 'person'; siteId: string | undefined; names: (text: string) => boolean };

// Searched from the @ backwards: from the front, each letter of a long text would begin another try.
const DOMAIN = /@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu;
const LOCAL_PART = /[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]/u;
const MAX_LOCAL_PART = 64;

/**
 * Lower-cased addresses in a text, each with its shorter variants, because a preceding character may not belong to it.
 */
export function* emailsIn(text: string): Generator<string> {
  const lower = text.toLowerCase();
  for (const { 0: domain, index: at } of lower.matchAll(DOMAIN)) {
    let start = at;
    while (start > 0 && at - start < MAX_LOCAL_PART && LOCAL_PART.test(lower[start - 1] ?? '')) {
      start--;
      yield lower.slice(start, at) + domain;
    }
  }
}

/** Case-insensitive. */
export function personByEmail(email: string, siteId?: string): Target {
  const wanted = email.toLowerCase();
  return { kind: 'person', siteId, names: (text) => text.toLowerCase().includes(wanted) };
}

/** By the hash in a site's erasure event: hex HMAC-SHA256 of the lower-case address under one of the site's secrets. */
export function personByHash(hash: string, siteId: string, secrets: readonly string[]): Target {
  const isWanted = (email: string): boolean =>
    secrets.some((secret) => createHmac('sha256', secret).update(email).digest('hex') === hash);
  return {
    kind: 'person',
    siteId,
    names: (text) => {
      for (const email of emailsIn(text)) if (isWanted(email)) return true;
      return false;
    },
  };
}
