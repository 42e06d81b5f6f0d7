import { setTimeout as delay } from 'node:timers/promises';
import { findEvents, isSettled, readTimeline, shortcoming, type Timeline } from '@pressferry/admin';
import type { Database } from '@pressferry/database';
import type { EventState, SiteStatus } from '@pressferry/embedded/wordpress';

export interface Followed {
  db: Database;
  siteId: string;
  askSite: (query: { objectRef: string } | { idempotencyKey: string }) => Promise<SiteStatus>;
}

const POLL_MS = 25;
// The embedded WordPress serves one request at a time: frequent requests would slow what the demo measures.
const ASK_SITE_MS = 2_000;

/**
 * Follows an object's newest event until it is settled; rejects at the deadline, saying how far it got. Undefined once
 * the signal is aborted.
 */
export async function followObject(
  followed: Followed,
  objectRef: string,
  { deadlineMs, signal }: { deadlineMs: number; signal: AbortSignal },
): Promise<Timeline | undefined> {
  const { db, siteId, askSite } = followed;
  const deadline = Date.now() + deadlineMs;
  let askAt = Date.now() + ASK_SITE_MS;
  let latest: Timeline | undefined;
  while (!signal.aborted) {
    const id = (await findEvents(db, siteId, { objectRef })).at(-1);
    latest = id === undefined ? undefined : await readTimeline(db, id);
    if (latest !== undefined && isSettled(latest)) return latest;
    if (latest === undefined && Date.now() >= askAt) {
      // An absent site may return before the deadline.
      const [event] = (await askSite({ objectRef }).catch(() => undefined))?.events ?? [];
      if (event !== undefined && ['refused', 'held', 'dead'].includes(event.status))
        throw new Error(notAccepted(event));
      askAt = Date.now() + ASK_SITE_MS;
    }
    if (Date.now() >= deadline) {
      const where = latest === undefined ? await standing(followed, objectRef) : (shortcoming(latest) ?? 'unsettled');
      throw new Error(`no full round trip within ${deadlineMs / 1000} s: ${where}`);
    }
    await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

async function standing({ askSite }: Followed, objectRef: string): Promise<string> {
  const [event] = (await askSite({ objectRef })).events;
  if (event === undefined) return 'WordPress has recorded no event';
  return event.status === 'sent' ? 'ingress accepted the event, enricher has not stored it' : notAccepted(event);
}

const notAccepted = ({ status, attempts, last_status, last_error }: EventState): string =>
  `the event is ${status} in WordPress' outbox after ${attempts} tries (${last_error || `last answer ${last_status}`})`;
