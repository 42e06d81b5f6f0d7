import { anyFiledAt, type Database } from '@pressferry/database';
import { type RawBuilder, sql } from 'kysely';
import type { Erased } from './model.ts';
import type { Target } from './target.ts';

/**
 * Deletes events with everything that belongs to them, after remembering their request ids: a worker with a run in
 * flight finds its lease gone, and redelivery stores nothing. Returns how many events existed.
 */
export async function eraseRows(db: Database, requestIds: readonly string[]): Promise<number> {
  if (requestIds.length === 0) return 0;
  return db.transaction().execute(async (tx) => {
    await sql`
      insert into erased_events (request_id) select unnest(${requestIds}::uuid[]) on conflict do nothing
    `.execute(tx);
    const { rows: places } = await sql<{ filed_at: string }>`
      select distinct filed_at::text from event_keys where request_id = any(${requestIds}::uuid[])`.execute(tx);
    const ofDays = sql`filed_at = ${anyFiledAt(places.map(({ filed_at }) => filed_at))}`;
    const ofEvents = sql`${ofDays} and request_id = any(${requestIds}::uuid[])`;
    // A failed run that is begun again locks its event too: it has been by then, or finds the event gone.
    await sql`select from events where ${ofEvents} order by request_id for update`.execute(tx);
    // Open rows first: a worker that is ending one has finished by then, or finds it gone.
    const open = await idsOf(
      tx,
      sql`delete from open_runs where request_id = any(${requestIds}::uuid[]) returning run_id as id`,
    );
    const past = await idsOf(tx, sql`delete from past_runs where ${ofEvents} returning run_id as id`);
    const ofRuns = sql`run_id = any(${[...open, ...past]}::uuid[])`;
    const results = await idsOf(tx, sql`delete from results where ${ofEvents} returning result_id as id`);
    const ofResults = sql`result_id = any(${results}::uuid[])`;
    await sql`delete from open_steps where ${ofRuns}`.execute(tx);
    await sql`delete from past_steps where ${ofDays} and ${ofRuns}`.execute(tx);
    await sql`delete from step_attempts where ${ofDays} and ${ofRuns}`.execute(tx);
    await sql`delete from open_deliveries where ${ofResults}`.execute(tx);
    await sql`delete from past_deliveries where ${ofDays} and ${ofResults}`.execute(tx);
    await sql`delete from attempts where ${ofDays} and ${ofResults}`.execute(tx);
    await sql`delete from event_keys where request_id = any(${requestIds}::uuid[])`.execute(tx);
    const { numAffectedRows } = await sql`delete from events where ${ofEvents}`.execute(tx);
    return Number(numAffectedRows ?? 0n);
  });
}

async function idsOf(db: Database, deleting: RawBuilder<unknown>): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`${deleting}`.execute(db);
  return rows.map(({ id }) => id);
}

/** Counts only, never the person. */
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
