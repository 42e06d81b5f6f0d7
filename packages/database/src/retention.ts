import { sql } from 'kysely';
import type { Database } from './open.ts';

export interface RetentionRules {
  /** Events whose age, by the time ingress accepted them, is beyond this are removed. */
  days: number;
  /** Most events that one transaction looks at. */
  batch?: number;
  /** Counts what would be removed, and removes nothing. */
  dryRun?: boolean;
  signal?: AbortSignal;
  /** Called after each batch, before the next. */
  pause?: () => Promise<void>;
}

/** What a pass found. `kept` events are old enough, but a run, a result or a delivery of theirs is not finished. */
export interface Removed {
  events: number;
  kept: number;
}

const BATCH = 500;

/**
 * Removes finished events that are older than `days`, oldest first, each with its runs, steps, attempts, results and deliveries. An event
 * with an open run, an unpublished result or an undelivered one stays however old it is. Batch by batch, so no lock is
 * held for long; two passes at once share the work. Rejects if Postgres fails; what was removed before stays removed.
 */
export async function removeOldEvents(db: Database, rules: RetentionRules): Promise<Removed> {
  const { batch = BATCH, signal, pause } = rules;
  const total: Removed = { events: 0, kept: 0 };
  let after: Place = { received_at: '-infinity', request_id: '00000000-0000-0000-0000-000000000000' };
  for (;;) {
    const looked = await removeBatch(db, after, { ...rules, batch });
    total.events += looked.removed;
    total.kept += looked.seen - looked.removed;
    if (looked.last === null || looked.seen < batch || signal?.aborted === true) return total;
    after = looked.last;
    await pause?.();
  }
}

interface Place {
  received_at: string;
  request_id: string;
}

interface Looked {
  seen: number;
  removed: number;
  last: Place | null;
}

async function removeBatch(
  db: Database,
  after: Place,
  { days, batch, dryRun = false }: RetentionRules & { batch: number },
): Promise<Looked> {
  // Places are compared as text of full precision: a Date has milliseconds only, and would stop before the same event forever.
  const { rows } = await sql<Place & { is_finished: boolean }>`
    with seen as materialized (
      select request_id, site_id, received_at from events
      where (received_at, request_id) > (${after.received_at}::timestamptz, ${after.request_id}::uuid)
        and received_at < now() - ${days} * interval '1 day'
      order by received_at, request_id limit ${batch}
    ), judged as materialized (
      select seen.*, not exists (
          select from runs where runs.request_id = seen.request_id and runs.status in ('pending', 'running', 'waiting')
        ) and not exists (
          select from results left join deliveries using (result_id)
          where results.site_id = seen.site_id and results.request_id = seen.request_id
            and (published_at is null or deliveries.status is null or deliveries.status in ('pending', 'held'))
        ) as is_finished
      from seen
    ), old as materialized (
      select request_id, site_id from judged where is_finished and not ${dryRun}
    ), old_results as materialized (
      select result_id from results join old using (site_id, request_id)
    ), old_runs as materialized (
      select run_id from runs join old using (request_id)
    ), removed_attempts as (
      delete from attempts using old_results where attempts.result_id = old_results.result_id
    ), removed_deliveries as (
      delete from deliveries using old_results where deliveries.result_id = old_results.result_id
    ), removed_results as (
      delete from results using old_results where results.result_id = old_results.result_id
    ), removed_step_attempts as (
      delete from step_attempts using old_runs where step_attempts.run_id = old_runs.run_id
    ), removed_steps as (
      delete from steps using old_runs where steps.run_id = old_runs.run_id
    ), removed_runs as (
      delete from runs using old_runs where runs.run_id = old_runs.run_id
    ), removed_events as (
      delete from events using old where events.request_id = old.request_id
    )
    select request_id, received_at::text, is_finished from judged order by judged.received_at, request_id
  `.execute(db);
  const last = rows.at(-1);
  return {
    seen: rows.length,
    removed: rows.filter(({ is_finished }) => is_finished).length,
    last: last === undefined ? null : { received_at: last.received_at, request_id: last.request_id },
  };
}
