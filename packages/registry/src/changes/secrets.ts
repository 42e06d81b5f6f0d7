import { randomUUID } from 'node:crypto';
import type { Keyring } from '@pressferry/runtime';
import { secretContext } from '@pressferry/sites';
import { isLive, type Queryable, type StoredSecret, type StoredSite } from '../read.ts';
import { type Change, refused } from './change.ts';
import { earlierEnd, untilText } from './expiry.ts';
import { MAX_LIVE } from './keys.ts';

/** Null if the keyring does not open it. */
export function openSecret({ sealed }: StoredSecret, siteId: string, keyring: Pick<Keyring, 'open'>): string | null {
  try {
    return keyring.open(sealed, secretContext(siteId)).toString('utf8');
  } catch {
    return null;
  }
}

/** As the newest, which signs from then on; with `othersUntil` the others expire then, or earlier as before. */
export async function addSecret(
  tx: Queryable,
  site: StoredSite,
  secret: string,
  { keyring, othersUntil }: { keyring: Pick<Keyring, 'seal' | 'open'>; othersUntil?: Date | undefined },
): Promise<Change> {
  const { siteId } = site;
  const same = site.secrets.find((known) => openSecret(known, siteId, keyring) === secret);
  if (same !== undefined && (same !== site.secrets[0] || !isLive(same)))
    return refused(`this is an older secret of ${siteId}: draw another one`);
  const live = site.secrets.filter((known) => isLive(known));
  if (same === undefined && live.length >= MAX_LIVE)
    return refused(`${siteId} has ${MAX_LIVE} live secrets, and no site may have more: expire one first`);
  const secretId = same?.secretId ?? randomUUID();
  if (same === undefined) {
    const sealed_secret = keyring.seal(secret, secretContext(siteId));
    await tx.insertInto('site_secrets').values({ secret_id: secretId, site_id: siteId, sealed_secret }).execute();
  }
  const others = live.filter((known) => known !== same);
  const ended =
    othersUntil === undefined ? [] : others.filter(({ expiresAt }) => earlierEnd(expiresAt, othersUntil) !== expiresAt);
  if (othersUntil !== undefined && ended.length > 0)
    await tx
      .updateTable('site_secrets')
      .set({ expires_at: othersUntil })
      .where(
        'secret_id',
        'in',
        ended.map((one) => one.secretId),
      )
      .execute();
  if (same !== undefined && ended.length === 0)
    return { kind: 'unchanged', says: `${siteId} has this secret as its newest already (${secretId})` };
  const rest =
    others.length === 0
      ? ''
      : ended.length === 0 || othersUntil === undefined
        ? `; ${others.length} older stay valid`
        : `; ${ended.length} older expire ${untilText(othersUntil)}`;
  return {
    kind: 'changed',
    action: 'site.secret_add',
    detail: {
      secret_id: secretId,
      ...(ended.length === 0 ? {} : { others: ended.map((one) => one.secretId), until: othersUntil }),
    },
    says: `${siteId} has the new secret ${secretId}${rest}`,
  };
}

/**
 * At an instant, or never. The last secret without an end only if forced. `which` is its id, or the beginning of one.
 */
export async function expireSecret(
  tx: Queryable,
  site: StoredSite,
  which: string,
  { at, force }: { at: Date | null; force: boolean },
): Promise<Change> {
  const { siteId } = site;
  const found = site.secrets.filter(({ secretId }) => secretId.startsWith(which));
  const [secret] = found;
  if (secret === undefined || found.length > 1)
    return refused(
      `${found.length === 0 ? 'no' : 'more than one'} secret of ${siteId} begins with ${which}: pressferry sites secrets list ${siteId}`,
    );
  const { secretId } = secret;
  if (at !== null && !force && !site.secrets.some((other) => other !== secret && other.expiresAt === null))
    return refused(
      `${secretId} is the only secret of ${siteId} without an end: add another first, or add --force to lock the site out`,
    );
  if (secret.expiresAt?.getTime() === at?.getTime())
    return { kind: 'unchanged', says: `the secret ${secretId} of ${siteId} expires ${untilText(at)} already` };
  await tx.updateTable('site_secrets').set({ expires_at: at }).where('secret_id', '=', secretId).execute();
  return {
    kind: 'changed',
    action: 'site.secret_expire',
    detail: { secret_id: secretId, at },
    says: `the secret ${secretId} of ${siteId} expires ${untilText(at)}`,
  };
}
