import { type Database, tryOut } from '@pressferry/database';
import { sql } from 'kysely';

/** An event to store, with the runs that it begins; instants in ISO form. */
export interface NewEvent {
  request_id: string;
  site_id: string;
  idempotency_key: string;
  event_type: string;
  object_ref: string;
  occurred_at: string;
  received_at: string;
  mode: 'live' | 'dry_run';
  fingerprint: string;
  traceparent: string | null;
  sealed_body: string;
  runs: NewRun[];
}

export interface NewRun {
  run_id: string;
  automation: string;
  steps: { position: number; name: string; type: string; vendor: string }[];
}

/** `conflict`: its key is taken by another body. `erased`: it was erased. `unsettled`: another process is storing it at this moment. */
export type Stored = 'stored' | 'duplicate' | 'conflict' | 'erased' | 'unsettled';

/** Tries whether the database takes an event. */
export const tryEvent = (db: Database, event: NewEvent): Promise<void> => tryOut(db, (tx) => storeEvents(tx, [event]));

/**
 * Stores events of distinct keys with their runs and steps in one statement, all or none; repeats change nothing. Returns what
 * became of each by request id. A dry run's runs are born succeeded, their steps skipped.
 */
export async function storeEvents(db: Database, events: readonly NewEvent[]): Promise<Map<string, Stored>> {
  const eventRows = events.map(({ runs: _stored, ...event }) => event);
  const runRows = events.flatMap((event) =>
    event.runs.map(({ run_id, automation, steps }) => ({
      run_id,
      request_id: event.request_id,
      site_id: event.site_id,
      idempotency_key: event.idempotency_key,
      automation,
      vendor: steps[0]?.vendor ?? '',
      is_dry: event.mode === 'dry_run',
    })),
  );
  const stepRows = events.flatMap((event) =>
    event.runs.flatMap(({ run_id, steps }) =>
      steps.map((step) => ({ run_id, ...step, is_dry: event.mode === 'dry_run' })),
    ),
  );
  const { rows } = await sql<{
    request_id: string;
    is_new: boolean;
    is_erased: boolean;
    known_fingerprint: string | null;
  }>`/* store_events */
    with input as (
      select * from jsonb_to_recordset(${JSON.stringify(eventRows)}::jsonb) as event (
        request_id uuid, site_id text, idempotency_key uuid, event_type text, object_ref text, occurred_at timestamptz,
        received_at timestamptz, mode text, fingerprint text, traceparent text, sealed_body text)
    ), new_event as (
      insert into events (request_id, site_id, idempotency_key, event_type, object_ref, occurred_at, received_at, mode,
        fingerprint, traceparent, sealed_body)
      select * from input where not exists (select from erased_events where erased_events.request_id = input.request_id)
      on conflict do nothing
      returning request_id
    ), new_run as (
      insert into runs (run_id, request_id, site_id, idempotency_key, automation, vendor, status, finished_at)
      select run_id, request_id, site_id, idempotency_key, automation, vendor,
        case when is_dry then 'succeeded' else 'pending' end, case when is_dry then now() end
      from jsonb_to_recordset(${JSON.stringify(runRows)}::jsonb) as run (
        run_id uuid, request_id uuid, site_id text, idempotency_key uuid, automation text, vendor text, is_dry boolean)
      join new_event using (request_id)
      on conflict do nothing
      returning run_id
    ), new_step as (
      insert into steps (run_id, position, name, type, vendor, status)
      select run_id, position, name, type, vendor, case when is_dry then 'skipped' else 'pending' end
      from jsonb_to_recordset(${JSON.stringify(stepRows)}::jsonb) as step (
        run_id uuid, position integer, name text, type text, vendor text, is_dry boolean)
      join new_run using (run_id)
    )
    select input.request_id, new_event.request_id is not null as is_new, known.fingerprint as known_fingerprint,
      exists (select from erased_events where erased_events.request_id = input.request_id) as is_erased
    from input
    left join new_event using (request_id)
    left join events as known on known.site_id = input.site_id and known.idempotency_key = input.idempotency_key
  `.execute(db);
  const fingerprints = new Map(events.map((event) => [event.request_id, event.fingerprint]));
  return new Map(
    rows.map(({ request_id, is_new, is_erased, known_fingerprint }) => {
      if (is_new) return [request_id, 'stored'];
      if (is_erased) return [request_id, 'erased'];
      if (known_fingerprint === null) return [request_id, 'unsettled'];
      return [request_id, known_fingerprint === fingerprints.get(request_id) ? 'duplicate' : 'conflict'];
    }),
  );
}
