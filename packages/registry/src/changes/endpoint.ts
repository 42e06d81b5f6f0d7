import { sql } from 'kysely';
import { type CallbackPolicy, callbackUrlFault } from '../check/callback-url.ts';
import type { Queryable, StoredSite } from '../read.ts';
import { type Change, refused } from './change.ts';

/** Pushes results to this URL; forgets the health of the former one. */
export async function setEndpoint(
  tx: Queryable,
  site: StoredSite,
  url: string,
  policy: CallbackPolicy,
): Promise<Change> {
  const { siteId } = site;
  const fault = callbackUrlFault(url, policy);
  if (fault !== null) return refused(`the callback URL ${fault}`);
  if (site.callbackUrl === url && site.callbackStoppedAt === null)
    return { kind: 'unchanged', says: `the results of ${siteId} are pushed to ${url} already` };
  await update(tx, siteId, url);
  return {
    kind: 'changed',
    action: 'site.endpoint_set',
    detail: { url, before: site.callbackUrl },
    says: `the results of ${siteId} are pushed to ${url}`,
  };
}

/** Results are only polled; waiting deliveries are held, and can be polled. */
export async function clearEndpoint(tx: Queryable, site: StoredSite): Promise<Change> {
  const { siteId, callbackUrl } = site;
  if (callbackUrl === null) return { kind: 'unchanged', says: `${siteId} polls its results already` };
  await update(tx, siteId, null);
  return {
    kind: 'changed',
    action: 'site.endpoint_clear',
    detail: { before: callbackUrl },
    says: `${siteId} polls its results`,
  };
}

/** Pushes again to a URL that a 410 stopped. */
export async function resumeEndpoint(tx: Queryable, site: StoredSite): Promise<Change> {
  const { siteId, callbackUrl, callbackStoppedAt } = site;
  if (callbackUrl === null)
    return refused(`${siteId} has no callback URL: pressferry sites endpoint set ${siteId} https://…`);
  if (callbackStoppedAt === null)
    return { kind: 'unchanged', says: `the results of ${siteId} are pushed to ${callbackUrl} already` };
  await update(tx, siteId, callbackUrl);
  return {
    kind: 'changed',
    action: 'site.endpoint_resume',
    detail: { url: callbackUrl, stopped_at: callbackStoppedAt },
    says: `the results of ${siteId} are pushed to ${callbackUrl} again`,
  };
}

async function update(tx: Queryable, siteId: string, url: string | null): Promise<void> {
  await tx
    .updateTable('sites')
    .set({ callback_url: url, callback_stopped_at: null, updated_at: sql<Date>`now()` })
    .where('site_id', '=', siteId)
    .execute();
  await tx.deleteFrom('site_endpoints').where('site_id', '=', siteId).execute();
}
