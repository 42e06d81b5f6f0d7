import type { Queryable, StoredSite } from '../read.ts';
import { type Change, refused } from './change.ts';

export interface Remains {
  events: number;
  openRuns: number;
  undelivered: number;
}

/** Rows that outlive the site's registration. */
export async function countRemains(tx: Queryable, siteId: string): Promise<Remains> {
  const count = async (table: 'events' | 'open_runs' | 'open_deliveries'): Promise<number> => {
    const query = tx
      .selectFrom(table)
      .select((of) => of.fn.countAll<string>().as('count'))
      .where('site_id', '=', siteId);
    return Number((await query.executeTakeFirst())?.count ?? 0);
  };
  return {
    events: await count('events'),
    openRuns: await count('open_runs'),
    undelivered: await count('open_deliveries'),
  };
}

/** With its keys and secrets. Only a disabled site, unless forced: a typing error must not lock a site out. */
export async function removeSiteRow(tx: Queryable, site: StoredSite, { force }: { force: boolean }): Promise<Change> {
  const { siteId, status } = site;
  if (status !== 'disabled' && !force)
    return refused(`${siteId} is ${status}: disable it first (pressferry sites disable ${siteId}), or add --force`);
  await tx.deleteFrom('site_endpoints').where('site_id', '=', siteId).execute();
  await tx.deleteFrom('sites').where('site_id', '=', siteId).execute();
  return {
    kind: 'changed',
    action: 'site.remove',
    detail: { issuer: site.issuer, kids: site.keys.map(({ kid }) => kid) },
    says: `${siteId} is removed, with its keys and secrets`,
  };
}
