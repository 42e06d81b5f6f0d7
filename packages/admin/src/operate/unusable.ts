import { isLive, recordOf, type StoredSite } from '@pressferry/registry';
import type { Keyring } from '@pressferry/runtime';
import { openSite, siteRecordSchema, type Unusable } from '@pressferry/sites';

/** Judged as services would. Without a keyring, sealed parts are not opened. */
export async function unusableOf(site: StoredSite, keyring: Pick<Keyring, 'open'> | undefined): Promise<Unusable[]> {
  const record = siteRecordSchema.safeParse(recordOf(site));
  if (!record.success) {
    const reason = record.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
    return [{ part: 'record', reason }];
  }
  const lacking = [
    ...(site.keys.some((key) => isLive(key))
      ? []
      : [{ part: 'keys', reason: 'there is no live key: every token is refused' }]),
    ...(site.secrets.some((secret) => isLive(secret))
      ? []
      : [{ part: 'secrets', reason: 'there is no live secret: every body is refused' }]),
  ];
  if (keyring !== undefined) return [...lacking, ...(await openSite(record.data, keyring)).unusable];
  const keys = record.data.keys.filter(({ algorithm }) => algorithm !== 'HS256');
  const { unusable } = await openSite({ ...record.data, keys, secrets: [] }, NOTHING);
  return [...lacking, ...unusable];
}

const NOTHING = {
  open: () => {
    throw new Error('there is no keyring');
  },
};
