import type { Database } from '@pressferry/database';
import { sql } from 'kysely';
import type { Erased } from './model.ts';
import type { Target } from './target.ts';

/**
 * Deletes events with all that belongs to them, whatever its state, and remembers their request ids first: a worker that has a run
 * in flight finds its lease gone, and a message that comes again is not stored. Returns how many events were there.
 */
export async function eraseRows(db: Database, requestIds: readonly string[]): Promise<number> {
  if (requestIds.length === 0) return 0;
  return db.transaction().execute(async (tx) => {
    await sql`
      insert into erased_events (request_id) select unnest(${requestIds}::uuid[]) on conflict do nothing
    `.execute(tx);
    const ofEvents = sql`request_id = any(${requestIds}::uuid[])`;
    const ofRuns = sql`run_id in (select run_id from runs where ${ofEvents})`;
    const ofResults = sql`result_id in (select result_id from results where ${ofRuns})`;
    await sql`delete from attempts where ${ofResults}`.execute(tx);
    await sql`delete from deliveries where ${ofResults}`.execute(tx);
    await sql`delete from results where ${ofRuns}`.execute(tx);
    await sql`delete from step_attempts where ${ofRuns}`.execute(tx);
    await sql`delete from steps where ${ofRuns}`.execute(tx);
    await sql`delete from runs where ${ofEvents}`.execute(tx);
    const { numAffectedRows } = await sql`delete from events where ${ofEvents}`.execute(tx);
    return Number(numAffectedRows ?? 0n);
  });
}

/** Writes into the audit log that something was erased, and how much; never whom it was about. */
export async function recordErasure(db: Database, target: Target, done: Erased & { actor: string }): Promise<void> {
  const { actor, ...counts } = done;
  const detail = JSON.stringify({
    kind: target.kind,
    ...(target.kind === 'object' ? { object_ref: target.objectRef } : {}),
    ...counts,
  });
  await db
    .insertInto('audit_log')
    .values({ actor, action: 'erased', site_id: target.siteId ?? null, detail })
    .execute();
}
