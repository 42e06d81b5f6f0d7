import { setTimeout as delay } from 'node:timers/promises';
import { findEvents, isSettled, readTimeline, type Timeline } from '@pressferry/admin';
import type { Followed } from './follow.ts';

const POLL_MS = 250;
// A transaction may commit late, so events are looked for this long after their storing.
const LOOKBACK_MS = 60_000;

/** Reports each further settled event of the site; an outage only delays it. */
export async function watchEvents(
  { db, siteId }: Pick<Followed, 'db' | 'siteId'>,
  known: Iterable<string>,
  { signal, onSettled }: { signal: AbortSignal; onSettled: (timeline: Timeline) => Promise<void> },
): Promise<void> {
  const since = Date.now();
  const seen = new Set(known);
  const open = new Set<string>();
  while (!signal.aborted) {
    try {
      const storedSince = new Date(Math.max(since, Date.now() - LOOKBACK_MS));
      for (const id of await findEvents(db, siteId, { storedSince })) {
        if (!seen.has(id)) open.add(id);
        seen.add(id);
      }
      for (const id of open) {
        const timeline = await readTimeline(db, id);
        if (timeline === undefined || !isSettled(timeline)) continue;
        await onSettled(timeline);
        open.delete(id);
      }
    } catch {
      // Postgres or WordPress is away: the next round catches up.
    }
    await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}
