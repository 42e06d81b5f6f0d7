import { sql } from 'kysely';
import { audit } from '../changes/change.ts';
import { setEndpoint } from '../changes/endpoint.ts';
import { type CallbackPolicy, callbackUrlFault } from '../check/callback-url.ts';
import { nameFault } from '../check/site.ts';
import { readHeartbeat } from '../heartbeats.ts';
import type { Queryable, StoredSite } from '../read.ts';
import { locked, type RotateDeps, refusal, type SiteRefusal } from './rotate.ts';

export interface MoveRequest {
  homeUrl: string;
  callbackUrl: string | null;
}

export type Moved = { kind: 'moved'; issuer: string };

/** If the former home reported within this time it lives, and the caller is a copy. */
const SILENT_MS = 2 * 3_600_000;

/**
 * Registers a site under another home URL, for the holder of its keys. A copy has them too, so it is refused while the
 * registered home lives, and an operator decides. Does not publish: call `publishSite` afterwards.
 */
export async function move(
  siteId: string,
  { homeUrl, callbackUrl }: MoveRequest,
  { db, policy, now }: Omit<RotateDeps, 'keyring'> & { policy: CallbackPolicy },
): Promise<Moved | SiteRefusal> {
  const homeFault = nameFault(homeUrl) ?? callbackUrlFault(homeUrl, policy);
  if (homeFault !== null) return refusal(`the home URL ${homeFault}`);
  try {
    return await db.transaction().execute(async (tx) => {
      const site = await locked(tx, siteId);
      if (site === undefined) return refusal(`the site ${siteId} is not registered any more`);
      if (site.issuer === homeUrl) return moved(homeUrl);
      const fault = await placeFault(tx, site, homeUrl, now());
      if (fault !== null) return refusal(fault);
      await relocate(tx, site, homeUrl);
      const change = callbackUrl === null ? undefined : await setEndpoint(tx, site, callbackUrl, policy);
      if (change?.kind === 'refused') throw new MoveRefused(change.why.join('; '));
      const detail = { before: site.issuer, issuer: homeUrl, callback_url: callbackUrl };
      await audit(tx, `site ${siteId}`, [siteId], { action: 'site.move', detail });
      return moved(homeUrl);
    });
  } catch (error) {
    if (error instanceof MoveRefused) return refusal(error.message);
    throw error;
  }
}

const moved = (issuer: string): Moved => ({ kind: 'moved', issuer });

/** With the remedy; null if the site can be at this home URL. */
async function placeFault(tx: Queryable, site: StoredSite, homeUrl: string, nowMs: number): Promise<string | null> {
  const { siteId, issuer } = site;
  const operator = `ask your operator: pressferry sites set ${siteId} issuer=${homeUrl}`;
  const other = await tx.selectFrom('sites').select('site_id').where('issuer', '=', homeUrl).executeTakeFirst();
  if (other !== undefined) return `${homeUrl} is registered as another site already; ${operator}`;
  const heard = await readHeartbeat(tx, siteId);
  const agoMs = heard?.homeUrl === issuer ? nowMs - heard.receivedAt.getTime() : Number.POSITIVE_INFINITY;
  if (agoMs >= SILENT_MS) return null;
  return (
    `${issuer} reported ${Math.max(0, Math.round(agoMs / 60_000))} minutes ago, so this is a copy of it: enrol it again, with a token of its own. If that ` +
    `site is gone, try again once it has been silent for two hours, or ${operator}`
  );
}

async function relocate(tx: Queryable, { siteId }: StoredSite, issuer: string): Promise<void> {
  await tx.updateTable('sites').set({ issuer, updated_at: sql<Date>`now()` }).where('site_id', '=', siteId).execute();
  await tx
    .updateTable('site_heartbeats')
    .set({ copy_home_url: null, copy_seen_at: null })
    .where('site_id', '=', siteId)
    .execute();
}

class MoveRefused extends Error {
  override name = 'MoveRefused';
}
