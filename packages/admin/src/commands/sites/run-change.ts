import { type Change, changeSite, type Queryable, type StoredSite } from '@pressferry/registry';
import { databaseFrom } from '../connections.ts';
import { runCommand } from '../run.ts';
import { checkPublishing, publishingSites, type SiteFlags } from './context.ts';
import { type Told, tell } from './report.ts';

export type Work = (tx: Queryable, site: StoredSite) => Promise<Change>;

/** Changes one site in a transaction, publishes it, then reports. */
export const runChange = (
  siteId: string,
  flags: Pick<SiteFlags, 'json'>,
  work: Work,
  more?: () => Told['more'],
): Promise<void> =>
  runCommand(async () => {
    checkPublishing(process.env);
    await using db = databaseFrom(process.env);
    const change = await changeSite(db, siteId, 'cli', work);
    // Unchanged sites too, because an earlier run may have stopped before this.
    const unpublished = change.kind === 'refused' ? null : await publishingSites(process.env, db, [siteId]);
    return tell(
      { siteId, change, unpublished, more: change.kind === 'changed' ? more?.() : undefined },
      flags.json === true,
    );
  });
