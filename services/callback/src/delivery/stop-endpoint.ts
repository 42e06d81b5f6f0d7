import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '@pressferry/database';
import type { NatsConnection } from '@pressferry/jetstream';
import { publishSite } from '@pressferry/registry';
import type { SiteDirectory } from '@pressferry/sites';
import { stopEndpoint } from '../db/endpoints.ts';
import type { StopReason } from '../model.ts';

export interface StopDeps {
  db: Database;
  nats: NatsConnection;
  directory: Pick<SiteDirectory, 'find'>;
}

const FOLLOW_TIMEOUT_MS = 5_000;
const FOLLOW_INTERVAL_MS = 10;

/**
 * Stops a callback URL in the registry, then for every replica. Resolves once this process has read it back, so the old
 * record does not resume deliveries held now. Rejects if Postgres or NATS does not answer; repeating it is harmless.
 */
export async function stopEverywhere(
  { siteId, callbackUrl }: { siteId: string; callbackUrl: string },
  reason: StopReason,
  deps: StopDeps,
): Promise<void> {
  await stopEndpoint(deps.db, { siteId, callbackUrl, reason });
  await publishSite(deps.db, deps.nats, siteId);
  const deadlineMs = performance.now() + FOLLOW_TIMEOUT_MS;
  const isFollowed = (): boolean => deps.directory.find(siteId)?.callbackUrl !== callbackUrl;
  while (!isFollowed() && performance.now() < deadlineMs) await delay(FOLLOW_INTERVAL_MS);
}
