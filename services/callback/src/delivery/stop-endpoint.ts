import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '@pressferry/database';
import { putSite, type SiteDirectory } from '@pressferry/sites';
import { readSiteRecord } from '@pressferry/sites/registry';
import { stopEndpoint } from '../db/endpoints.ts';
import type { StopReason } from './decide.ts';

type Bucket = Parameters<typeof putSite>[0];

export interface StopDeps {
  db: Database;
  openBucket: () => Promise<Bucket>;
  directory: Pick<SiteDirectory, 'find'>;
}

const FOLLOW_TIMEOUT_MS = 5_000;
const FOLLOW_INTERVAL_MS = 10;

/**
 * Stops a callback URL that answered 410, signed or for a long time: in the registry, then for every replica. Resolves once this process has read it back, so that
 * what is held now is not resumed by the old record. Rejects where Postgres or NATS does not answer; doing it again is harmless.
 */
export async function stopCallback(
  { siteId, callbackUrl }: { siteId: string; callbackUrl: string },
  reason: StopReason,
  deps: StopDeps,
): Promise<void> {
  await stopEndpoint(deps.db, { siteId, callbackUrl, reason });
  const record = await readSiteRecord(deps.db, siteId);
  if (record === undefined) return;
  await putSite(await deps.openBucket(), record);
  const deadlineMs = Date.now() + FOLLOW_TIMEOUT_MS;
  const isFollowed = (): boolean => (deps.directory.find(siteId)?.callbackUrl ?? null) === record.callback_url;
  while (!isFollowed() && Date.now() < deadlineMs) await delay(FOLLOW_INTERVAL_MS);
}
