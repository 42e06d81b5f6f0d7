import type { Keyring } from '@pressferry/runtime';
import { secretContext } from '@pressferry/sites';
import type { KeyDraft } from '../check/site.ts';
import { isLive, type Queryable, type StoredKey, type StoredSite } from '../read.ts';
import { type Change, refused } from './change.ts';
import { earlierEnd, untilText } from './expiry.ts';

/** The most live keys, and live secrets, of a site: each costs a try. */
export const MAX_LIVE = 5;

export const storedMaterial = (
  { algorithm, material }: KeyDraft,
  siteId: string,
  keyring: Pick<Keyring, 'seal'>,
): string => (algorithm === 'HS256' ? keyring.seal(material, secretContext(siteId)) : material);

/** However it is stored. */
export function isSameKey(stored: StoredKey, draft: KeyDraft, siteId: string, keyring: Pick<Keyring, 'open'>): boolean {
  if (stored.algorithm !== draft.algorithm) return false;
  if (draft.algorithm !== 'HS256') return stored.material.trim() === draft.material.trim();
  try {
    return keyring.open(stored.material, secretContext(siteId)).toString('utf8') === draft.material;
  } catch {
    return false;
  }
}

/** With `othersUntil` the others expire then, or earlier as before. */
export async function addKey(
  tx: Queryable,
  site: StoredSite,
  draft: KeyDraft,
  { keyring, othersUntil }: { keyring: Pick<Keyring, 'seal' | 'open'>; othersUntil?: Date | undefined },
): Promise<Change> {
  const { siteId } = site;
  const { kid, algorithm } = draft;
  const known = site.keys.find((key) => key.kid === kid);
  if (known !== undefined && !isSameKey(known, draft, siteId, keyring))
    return refused(`the key id ${kid} is taken by another key of ${siteId}: give the new key a new id`);
  if (known !== undefined && !isLive(known))
    return refused(
      `the key ${kid} of ${siteId} has expired: pressferry sites keys expire ${siteId} ${kid} --never lets it live again`,
    );
  if (known === undefined && site.keys.filter((key) => isLive(key)).length >= MAX_LIVE)
    return refused(`${siteId} has ${MAX_LIVE} live keys, and no site may have more: expire one first`);
  if (known === undefined) {
    const public_key = storedMaterial(draft, siteId, keyring);
    await tx.insertInto('site_keys').values({ site_id: siteId, kid, algorithm, public_key }).execute();
  }
  const others = site.keys.filter((key) => key.kid !== kid && isLive(key));
  const ended =
    othersUntil === undefined ? [] : others.filter(({ expiresAt }) => earlierEnd(expiresAt, othersUntil) !== expiresAt);
  if (othersUntil !== undefined && ended.length > 0)
    await tx
      .updateTable('site_keys')
      .set({ expires_at: othersUntil })
      .where('site_id', '=', siteId)
      .where(
        'kid',
        'in',
        ended.map((key) => key.kid),
      )
      .execute();
  if (known !== undefined && ended.length === 0)
    return { kind: 'unchanged', says: `${siteId} has the key ${kid} already` };
  return {
    kind: 'changed',
    action: 'site.key_add',
    detail: {
      kid,
      algorithm,
      ...(ended.length === 0 ? {} : { others: ended.map((key) => key.kid), until: othersUntil }),
    },
    says: `${siteId} has the key ${kid} (${algorithm})${othersText(others.length, ended.length, othersUntil)}`,
  };
}

const othersText = (others: number, ended: number, until: Date | undefined): string => {
  if (others === 0) return '';
  return ended === 0 || until === undefined
    ? `; ${others} older stay valid`
    : `; ${ended} older expire ${untilText(until)}`;
};

/** At an instant, or never. The last live key only if forced. */
export async function expireKey(
  tx: Queryable,
  site: StoredSite,
  kid: string,
  { at, force }: { at: Date | null; force: boolean },
): Promise<Change> {
  const { siteId } = site;
  const key = site.keys.find((one) => one.kid === kid);
  if (key === undefined)
    return refused(`${siteId} has no key ${kid}; it has ${site.keys.map((one) => one.kid).join(', ') || 'none'}`);
  if (at !== null && !force && !site.keys.some((other) => other !== key && other.expiresAt === null))
    return refused(
      `${kid} is the only key of ${siteId} without an end: add another first, or add --force to lock the site out`,
    );
  if (key.expiresAt?.getTime() === at?.getTime())
    return { kind: 'unchanged', says: `the key ${kid} of ${siteId} expires ${untilText(at)} already` };
  await tx
    .updateTable('site_keys')
    .set({ expires_at: at })
    .where('site_id', '=', siteId)
    .where('kid', '=', kid)
    .execute();
  return {
    kind: 'changed',
    action: 'site.key_expire',
    detail: { kid, at },
    says: `the key ${kid} of ${siteId} expires ${untilText(at)}`,
  };
}
