import type { ColumnType, Generated } from 'kysely';
import type { DefaultInstant, Instant, OptionalInstant } from './instants.ts';

export type RunStatus = 'pending' | 'running' | 'waiting' | 'succeeded' | 'failed';
export type StepStatus = 'pending' | 'succeeded' | 'failed' | 'skipped';
export type DeliveryStatus = 'pending' | 'held' | 'acknowledged' | 'polled' | 'dead';

/**
 * When ingress accepted the event: a row is filed by it, with all that belongs to the event. -Infinity if the event was stored before
 * there were partitions.
 */
export type FiledAt = ColumnType<Date | number, Date | number | string, Date | number | string>;

export interface EventsTable {
  filed_at: FiledAt;
  request_id: string;
  site_id: string;
  idempotency_key: string;
  event_type: string;
  object_ref: string;
  occurred_at: Instant;
  received_at: Instant;
  stored_at: DefaultInstant;
  mode: 'live' | 'dry_run';
  fingerprint: string;
  traceparent: string | null;
  sealed_body: string;
}

/** What a repeat of an event is known by, and where the event is filed. */
export interface EventKeysTable {
  request_id: string;
  filed_at: FiledAt;
}

interface RunColumns {
  filed_at: FiledAt;
  run_id: string;
  request_id: string;
  site_id: string;
  idempotency_key: string;
  automation: string;
  /** Of the definition that it began under; null in a run of an earlier release. */
  automation_version: string | null;
  /** Of the step that is next, or was last; open runs are claimed by it. */
  vendor: string;
  created_at: DefaultInstant;
  started_at: OptionalInstant;
}

/** A run that is not finished. */
export interface OpenRunsTable extends RunColumns {
  status: Generated<'pending' | 'running' | 'waiting'>;
  /** From when on a worker may take it. */
  due_at: DefaultInstant;
  lease_owner: string | null;
  lease_until: OptionalInstant;
}

export interface PastRunsTable extends RunColumns {
  status: 'succeeded' | 'failed';
  failure_code: string | null;
  failed_step: string | null;
  finished_at: OptionalInstant;
}

/** Open and past runs, to be read; likewise the views `steps` and `deliveries`. */
export interface RunsView {
  filed_at: Date | number;
  run_id: string;
  request_id: string;
  site_id: string;
  idempotency_key: string;
  automation: string;
  automation_version: string | null;
  vendor: string;
  status: RunStatus;
  failure_code: string | null;
  failed_step: string | null;
  due_at: Date | null;
  lease_owner: string | null;
  lease_until: Date | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
}

export interface StepsTable {
  filed_at: FiledAt;
  run_id: string;
  position: number;
  name: string;
  type: string;
  vendor: string;
  status: Generated<StepStatus>;
  attempt_count: Generated<number>;
  /** Of `attempt_count`, those whose worker was lost. */
  lost_count: Generated<number>;
  sealed_output: string | null;
  failure_code: string | null;
  started_at: OptionalInstant;
  finished_at: OptionalInstant;
}

export interface OpenStepsTable extends StepsTable {
  /** Of a person, at an `approve` step. */
  decision: 'approved' | 'rejected' | null;
  decided_by: string | null;
  decided_at: OptionalInstant;
  decision_reason: string | null;
}

export interface StepAttemptsTable {
  filed_at: FiledAt;
  run_id: string;
  position: number;
  attempt: number;
  started_at: Instant;
  duration_ms: number;
  outcome: 'succeeded' | 'retry' | 'failed';
  status_code: number | null;
  failure_code: string | null;
}

export interface ResultsTable {
  filed_at: FiledAt;
  result_id: string;
  run_id: string;
  request_id: string;
  site_id: string;
  /** The place in the order of polls, taken from a sequence; of old rows the id of their transaction. 64 bits, as text. */
  commit_xid: Generated<string>;
  /** A bigint, as text. */
  ordinal: Generated<string>;
  sealed_body: string;
  completed_at: Instant;
  published_at: OptionalInstant;
}

/** A delivery that waits for its next attempt, or for its site. */
export interface OpenDeliveriesTable {
  filed_at: FiledAt;
  result_id: string;
  run_id: string;
  request_id: string;
  site_id: string;
  /** Of the event: a push need not read it; null if it was erased. */
  idempotency_key: string | null;
  traceparent: string | null;
  completed_at: Instant;
  status: Generated<'pending' | 'held'>;
  attempt_count: Generated<number>;
  /** How many of them ended with their worker. */
  lost_count: Generated<number>;
  /** How many of them have a row in `attempts`. */
  attempts_told: Generated<number>;
  /** Of the span of the last attempt, if it was recorded. */
  last_traceparent: string | null;
  due_at: DefaultInstant;
  lease_owner: string | null;
  lease_until: OptionalInstant;
  failure_code: string | null;
  /** The nonces of the messages that began it again. */
  replays: string[] | null;
  created_at: DefaultInstant;
}

export interface PastDeliveriesTable {
  filed_at: FiledAt;
  result_id: string;
  site_id: string;
  status: 'acknowledged' | 'polled' | 'dead';
  attempt_count: Generated<number>;
  failure_code: string | null;
  replays: string[] | null;
  created_at: DefaultInstant;
  finished_at: OptionalInstant;
}

export interface DeliveriesView {
  filed_at: Date | number;
  result_id: string;
  site_id: string;
  status: DeliveryStatus;
  attempt_count: number;
  due_at: Date | null;
  lease_owner: string | null;
  lease_until: Date | null;
  failure_code: string | null;
  replays: string[] | null;
  created_at: Date;
  finished_at: Date | null;
}

export interface AttemptsTable {
  filed_at: FiledAt;
  result_id: string;
  attempt: number;
  started_at: Instant;
  duration_ms: number;
  outcome: 'acknowledged' | 'retry' | 'stopped';
  status_code: number | null;
  failure_code: string | null;
}
