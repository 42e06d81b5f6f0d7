import { findEvents } from './find.ts';
import { eraseMessages } from './messages.ts';
import type { EraseDeps, Erased } from './model.ts';
import { eraseRows, recordErasure } from './rows.ts';
import type { Target } from './target.ts';

/** Rows of so many events go in one transaction. */
const BATCH = 500;

export interface EraseOptions {
  /** For the audit log: never the person's address. */
  actor: string;
  /** Counts what would go. */
  dryRun?: boolean;
}

/**
 * Erases a target from Postgres and the streams, and remembers the request ids, so redelivery stores nothing again.
 * Vendors and WordPress must erase their copies themselves. Rejects if Postgres or NATS does not answer; repeating it
 * continues.
 */
export async function erase(target: Target, deps: EraseDeps, { actor, dryRun = false }: EraseOptions): Promise<Erased> {
  const total: Erased = { events: 0, messages: 0, unreadable: 0 };
  const erased = new Set<string>();
  for await (const found of findEvents(target, deps)) {
    for (const id of found.requestIds) erased.add(id);
    total.unreadable += found.unreadable;
    total.events += found.requestIds.length;
    if (!dryRun) await eraseRows(deps.db, found.requestIds);
  }
  // After the rows: events that enricher was storing meanwhile are found in the streams by their own text.
  const inStreams = await eraseMessages(target, deps, { erased, dryRun });
  total.messages = inStreams.messages;
  total.unreadable += inStreams.unreadable;
  if (!dryRun) {
    for (let from = 0; from < inStreams.requestIds.length; from += BATCH)
      total.events += await eraseRows(deps.db, inStreams.requestIds.slice(from, from + BATCH));
    await recordErasure(deps.db, target, { actor, ...total });
  }
  return total;
}
