import { isDeepStrictEqual } from 'node:util';
import type { Keyring } from '@pressferry/runtime';
import { secretContext } from '@pressferry/sites';
import type { SiteDraft } from '../check/site.ts';
import { isLive, type Queryable, readSites, type StoredSite } from '../read.ts';
import { audit, type Change, refused } from './change.ts';
import { isSameKey, storedMaterial } from './keys.ts';
import { openSecret } from './secrets.ts';

/** Null keeps the secret of a registered site, and registers nothing. */
export interface Registration {
  draft: SiteDraft;
  secret: string | null;
}

/**
 * Registers sites in few statements. Leaves one alone that is registered as asked; refuses one that differs, with the
 * differences and the command that changes it. Answers in order.
 */
export async function addSites(
  tx: Queryable,
  registrations: readonly Registration[],
  { keyring, actor }: { keyring: Pick<Keyring, 'seal' | 'open'>; actor: string },
): Promise<Change[]> {
  const ids = registrations.map(({ draft }) => draft.siteId);
  const known = new Map((await readSites(tx, ids)).map((site) => [site.siteId, site]));
  const isNew = ({ draft: { siteId }, secret }: Registration): boolean => secret !== null && !known.has(siteId);
  const added = await insert(tx, registrations.filter(isNew), keyring);
  await audit(tx, actor, [...added], { action: 'site.add' });
  return registrations.map((registration): Change => {
    const { siteId } = registration.draft;
    if (added.has(siteId)) return { kind: 'changed', action: 'site.add', says: `${siteId} is registered` };
    const site = known.get(siteId);
    if (site === undefined) return refused(`${siteId} was being registered by somebody else: run this again`);
    const differences = differencesOf(site, registration, keyring);
    return differences.length === 0
      ? { kind: 'unchanged', says: `${siteId} is registered so already` }
      : refused(...differences.map((difference) => `${siteId} is registered already, and ${difference}`));
  });
}

async function insert(
  tx: Queryable,
  registrations: readonly Registration[],
  keyring: Pick<Keyring, 'seal'>,
): Promise<Set<string>> {
  if (registrations.length === 0) return new Set();
  const rows = await tx
    .insertInto('sites')
    .values(
      registrations.map(({ draft }) => ({
        site_id: draft.siteId,
        status: draft.status,
        issuer: draft.issuer,
        audience: draft.audience,
        callback_url: draft.callbackUrl,
        settings: JSON.stringify(draft.settings),
      })),
    )
    .onConflict((conflict) => conflict.column('site_id').doNothing())
    .returning('site_id')
    .execute();
  const added = new Set(rows.map(({ site_id }) => site_id));
  const news = registrations.filter(({ draft }) => added.has(draft.siteId));
  if (news.length === 0) return added;
  await tx
    .insertInto('site_keys')
    .values(
      news.map(({ draft: { siteId, key } }) => ({
        site_id: siteId,
        kid: key.kid,
        algorithm: key.algorithm,
        public_key: storedMaterial(key, siteId, keyring),
      })),
    )
    .execute();
  await tx
    .insertInto('site_secrets')
    .values(
      news.map(({ draft: { siteId }, secret }) => ({
        site_id: siteId,
        sealed_secret: keyring.seal(secret ?? '', secretContext(siteId)),
      })),
    )
    .execute();
  return added;
}

function differencesOf(site: StoredSite, { draft, secret }: Registration, keyring: Pick<Keyring, 'open'>): string[] {
  const { siteId } = site;
  const key = site.keys.find(({ kid }) => kid === draft.key.kid);
  const newest = site.secrets.find((one) => isLive(one));
  const set = `pressferry sites set ${siteId}`;
  const endpoint = `pressferry sites endpoint set ${siteId} …`;
  const faults: (string | false)[] = [
    site.issuer !== draft.issuer && `its issuer is ${site.issuer}: ${set} issuer=…`,
    site.audience !== draft.audience && `its audience is ${site.audience}: ${set} audience=…`,
    site.callbackUrl !== draft.callbackUrl && `its callback URL is ${site.callbackUrl ?? 'none'}: ${endpoint}`,
    !isDeepStrictEqual(site.settings, draft.settings) && `its settings differ: ${set} name=value`,
    key === undefined && `it has no key ${draft.key.kid}: pressferry sites keys add ${siteId} …`,
    key !== undefined &&
      !isSameKey(key, draft.key, siteId, keyring) &&
      `its key ${key.kid} is another one: give the new key a new id`,
    secret === null &&
      `the file of its secret is not there: pressferry sites secrets add ${siteId} … gives it a new one`,
    secret !== null &&
      (newest === undefined || openSecret(newest, siteId, keyring) !== secret) &&
      `its newest secret is another one: pressferry sites secrets add ${siteId} …`,
  ];
  return faults.filter((fault) => fault !== false);
}
