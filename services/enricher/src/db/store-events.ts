import { anyFiledAt, type Database, tryOut } from '@pressferry/database';
import { sql } from 'kysely';

/** With the runs that it begins; instants in ISO form. */
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
  version: string;
  /** Stored as done; calls no vendor. */
  isDry: boolean;
  steps: { position: number; name: string; type: string; vendor: string }[];
}

/** `conflict`: its key belongs to another body. `unsettled`: another process is storing it now. */
export type Stored = 'stored' | 'duplicate' | 'conflict' | 'erased' | 'unsettled';

/** New runs are claimed under it as they are stored, only those of active sites. */
export interface FirstLease {
  owner: string;
  leaseMs: number;
  runIds: ReadonlySet<string>;
}

/** Each event's outcome by request id, and the claimed runs. */
export interface StoredEvents {
  stored: Map<string, Stored>;
  leased: ReadonlySet<string>;
}

export const tryEvent = (db: Database, event: NewEvent): Promise<void> => tryOut(db, (tx) => storeEvents(tx, [event]));

const NO_LEASE: FirstLease = { owner: '', leaseMs: 0, runIds: new Set() };

/**
 * Stores events of distinct keys with their runs and steps in one statement, all or none; repeats change nothing. A dry
 * run is stored as succeeded, its steps as skipped.
 */
export async function storeEvents(
  db: Database,
  unordered: readonly NewEvent[],
  lease: FirstLease = NO_LEASE,
): Promise<StoredEvents> {
  // One lock order, so processes that store the same events do not deadlock.
  const events = unordered.toSorted((a, b) => (a.request_id < b.request_id ? -1 : 1));
  const { rows } = await sql<Row>`/* store_events */
    with ${eventParts(events)}, ${runParts(events, lease)}, ${stepParts(events)}
    select request_id, null::uuid as run_id from new_key
    union all
    select null, run_id from open_run where status = 'running'
  `.execute(db);
  const stored = new Map(
    rows.flatMap(({ request_id }) => (request_id === null ? [] : [[request_id, 'stored' as Stored]])),
  );
  const others = events.filter(({ request_id }) => !stored.has(request_id));
  if (others.length > 0) for (const [id, outcome] of await judgeRepeats(db, others)) stored.set(id, outcome);
  return { leased: new Set(rows.flatMap(({ run_id }) => run_id ?? [])), stored };
}

/** `new_key`: events whose key is free and that were not erased. */
function eventParts(events: readonly NewEvent[]) {
  const column = <K extends keyof NewEvent>(key: K): NewEvent[K][] => events.map((event) => event[key]);
  return sql`input as materialized (
      select * from unnest(${column('request_id')}::uuid[], ${column('site_id')}::text[], ${column('idempotency_key')}::uuid[],
        ${column('event_type')}::text[], ${column('object_ref')}::text[], ${column('occurred_at')}::timestamptz[],
        ${column('received_at')}::timestamptz[], ${column('mode')}::text[], ${column('fingerprint')}::text[],
        ${column('traceparent')}::text[], ${column('sealed_body')}::text[])
        as event (request_id, site_id, idempotency_key, event_type, object_ref, occurred_at, received_at, mode, fingerprint,
          traceparent, sealed_body)
    ), new_key as (
      insert into event_keys (request_id, filed_at)
      select request_id, received_at from input
      where not exists (select from erased_events where erased_events.request_id = input.request_id)
      on conflict do nothing
      returning request_id
    ), new_event as (
      insert into events (filed_at, request_id, site_id, idempotency_key, event_type, object_ref, occurred_at, received_at, mode,
        fingerprint, traceparent, sealed_body)
      select received_at, input.* from input join new_key using (request_id)
    )`;
}

/** `given_run`: runs of the events that are stored; a dry run is past from the start. */
function runParts(events: readonly NewEvent[], lease: FirstLease) {
  const runs = events.flatMap((event) => event.runs.map((run) => ({ event, run })));
  return sql`given_run as (
      select run_id, automation, automation_version, vendor, input.*, is_dry,
        is_leased and (select status from sites where sites.site_id = input.site_id) = 'active' as is_ours
      from unnest(${runs.map(({ run }) => run.run_id)}::uuid[], ${runs.map(({ event }) => event.request_id)}::uuid[],
        ${runs.map(({ run }) => run.automation)}::text[], ${runs.map(({ run }) => run.steps[0]?.vendor ?? '')}::text[],
        ${runs.map(({ run }) => lease.runIds.has(run.run_id))}::boolean[],
        ${runs.map(({ run }) => run.version)}::text[], ${runs.map(({ run }) => run.isDry)}::boolean[])
        as run (run_id, request_id, automation, vendor, is_leased, automation_version, is_dry)
      join new_key using (request_id) join input using (request_id)
    ), open_run as (
      insert into open_runs (filed_at, run_id, request_id, site_id, idempotency_key, automation, automation_version, vendor, status,
        lease_owner, lease_until, started_at)
      select received_at, run_id, request_id, site_id, idempotency_key, automation, automation_version, vendor,
        case when is_ours then 'running' else 'pending' end, case when is_ours then ${lease.owner}::text end,
        case when is_ours then now() + ${lease.leaseMs}::bigint * interval '1 millisecond' end, case when is_ours then now() end
      from given_run where not is_dry
      returning run_id, status
    ), dry_run as (
      insert into past_runs (filed_at, run_id, request_id, site_id, idempotency_key, automation, automation_version, vendor, status,
        finished_at)
      select received_at, run_id, request_id, site_id, idempotency_key, automation, automation_version, vendor, 'succeeded', now()
      from given_run where is_dry
    )`;
}

function stepParts(events: readonly NewEvent[]) {
  const steps = events.flatMap(({ runs }) =>
    runs.flatMap((run) => run.steps.map((step) => ({ ...step, run_id: run.run_id }))),
  );
  return sql`given_step as (
      select step.*, given_run.received_at as filed_at, given_run.is_dry
      from unnest(${steps.map(({ run_id }) => run_id)}::uuid[], ${steps.map(({ position }) => position)}::integer[],
        ${steps.map(({ name }) => name)}::text[], ${steps.map(({ type }) => type)}::text[],
        ${steps.map(({ vendor }) => vendor)}::text[]) as step (run_id, position, name, type, vendor)
      join given_run using (run_id)
    ), open_step as (
      insert into open_steps (filed_at, run_id, position, name, type, vendor)
      select filed_at, run_id, position, name, type, vendor from given_step where not is_dry
    ), dry_step as (
      insert into past_steps (filed_at, run_id, position, name, type, vendor, status)
      select filed_at, run_id, position, name, type, vendor, 'skipped' from given_step where is_dry
    )`;
}

interface Row {
  // Either an event's or a claimed run's; the other is null.
  request_id: string | null;
  run_id: string | null;
}

/** Why events were not stored. */
async function judgeRepeats(db: Database, events: readonly NewEvent[]): Promise<Map<string, Stored>> {
  const { rows } = await sql<{ request_id: string; filed_at: string | null; is_erased: boolean }>`
    select request_id, filed_at::text, exists (select from erased_events where erased_events.request_id = input.request_id) as is_erased
    from unnest(${events.map(({ request_id }) => request_id)}::uuid[]) as input (request_id)
    left join event_keys using (request_id)`.execute(db);
  const filedAt = rows.flatMap(({ filed_at }) => filed_at ?? []);
  const { rows: known } = await sql<{ request_id: string; fingerprint: string }>`
    select request_id, fingerprint from events
    where filed_at = ${anyFiledAt(filedAt)} and request_id = any(${rows.map(({ request_id }) => request_id)}::uuid[])`.execute(
    db,
  );
  const fingerprints = new Map(known.map(({ request_id, fingerprint }) => [request_id, fingerprint]));
  const places = new Map(rows.map((row) => [row.request_id, row]));
  return new Map(
    events.map(({ request_id, fingerprint }) => {
      const place = places.get(request_id);
      if (place?.is_erased === true) return [request_id, 'erased'];
      if (place === undefined || place.filed_at === null) return [request_id, 'unsettled'];
      // While its day is being dropped, the key exists a little longer.
      const isSame = (fingerprints.get(request_id) ?? fingerprint) === fingerprint;
      return [request_id, isSame ? 'duplicate' : 'conflict'];
    }),
  );
}
