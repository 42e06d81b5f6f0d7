import type { Database } from '@pressferry/database';
import { type Queryable, readSite, type StoredSite } from '../read.ts';

/** `says` is a sentence. */
export type Change =
  | { kind: 'changed'; action: AuditAction; detail?: Record<string, unknown>; says: string }
  | { kind: 'unchanged'; says: string }
  /** Nothing was written; each reason names its remedy. */
  | { kind: 'refused'; why: string[] };

export type AuditAction =
  | 'site.add'
  | 'site.set'
  | 'site.move'
  | 'site.rotate'
  | 'site.pause'
  | 'site.resume'
  | 'site.disable'
  | 'site.remove'
  | 'site.key_add'
  | 'site.key_expire'
  | 'site.secret_add'
  | 'site.secret_expire'
  | 'site.endpoint_set'
  | 'site.endpoint_clear'
  | 'site.endpoint_resume';

export const refused = (...why: string[]): Change => ({ kind: 'refused', why });

/**
 * Changes one site in its own transaction, under a row lock, and writes the audit log. Does not publish: call
 * `publishSite` afterwards.
 */
export async function changeSite(
  db: Database,
  siteId: string,
  actor: string,
  work: (tx: Queryable, site: StoredSite) => Promise<Change>,
): Promise<Change> {
  return db.transaction().execute(async (tx) => {
    await tx.selectFrom('sites').select('site_id').where('site_id', '=', siteId).forUpdate().execute();
    const site = await readSite(tx, siteId);
    if (site === undefined) return refused(`there is no site ${siteId}: pressferry sites list`);
    const change = await work(tx, site);
    if (change.kind === 'changed') await audit(tx, actor, [siteId], change);
    return change;
  });
}

/** `detail` holds nothing secret. */
export async function audit(
  tx: Queryable,
  actor: string,
  siteIds: readonly string[],
  { action, detail = {} }: { action: AuditAction; detail?: Record<string, unknown> },
): Promise<void> {
  if (siteIds.length === 0) return;
  const rows = siteIds.map((site_id) => ({ actor, action, site_id, detail: JSON.stringify(detail) }));
  await tx.insertInto('audit_log').values(rows).execute();
}
