import type { ColumnType, Generated } from 'kysely';
import type { DefaultInstant, Instant, OptionalInstant } from './instants.ts';

export type RunStatus = 'pending' | 'running' | 'waiting' | 'succeeded' | 'failed';
export type StepStatus = 'pending' | 'succeeded' | 'failed' | 'skipped';
export type DeliveryStatus = 'pending' | 'held' | 'acknowledged' | 'polled' | 'dead';

/**
 * When ingress accepted the event: the partition key of all its rows. -Infinity if it was stored before there were
 * partitions.
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

/** Finds repeats of an event, and the event's partition. */
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
  /** The definition that it began under; null for a run of an earlier release. */
  automation_version: string | null;
  /** Of the next or last step; open runs are claimed by it. */
  vendor: string;
  created_at: DefaultInstant;
  started_at: OptionalInstant;
}

export interface OpenRunsTable extends RunColumns {
  status: Generated<'pending' | 'running' | 'waiting'>;
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

/** Open and past runs, for reading; the views `steps` and `deliveries` likewise. */
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
  /** Part of `attempt_count`: those whose worker was lost. */
  lost_count: Generated<number>;
  sealed_output: string | null;
  failure_code: string | null;
  started_at: OptionalInstant;
  finished_at: OptionalInstant;
}

/** The view `steps` lacks what is read of open or past ones only. */
interface SpannedSteps extends StepsTable {
  /** Of the last attempt's span; of past steps only if their run failed there. */
  last_traceparent: string | null;
}

export type PastStepsTable = SpannedSteps;

export interface OpenStepsTable extends SpannedSteps {
  /** A person's, at an `approve` step. */
  decision: 'approved' | 'rejected' | null;
  decided_by: string | null;
  decided_at: OptionalInstant;
  /** In plain text, from an earlier release. */
  decision_reason: string | null;
  sealed_reason: string | null;
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
  /** Order of polls, from a sequence; of old rows the id of their transaction. 64 bits, as text. */
  commit_xid: Generated<string>;
  /** A bigint, as text. */
  ordinal: Generated<string>;
  sealed_body: string;
  completed_at: Instant;
  published_at: OptionalInstant;
}

export interface OpenDeliveriesTable {
  filed_at: FiledAt;
  result_id: string;
  run_id: string;
  request_id: string;
  site_id: string;
  /** A copy, so a push need not read the event; null if it was erased. */
  idempotency_key: string | null;
  traceparent: string | null;
  completed_at: Instant;
  status: Generated<'pending' | 'held'>;
  attempt_count: Generated<number>;
  lost_count: Generated<number>;
  /** Attempts that have a row in `attempts`. */
  attempts_told: Generated<number>;
  last_traceparent: string | null;
  due_at: DefaultInstant;
  lease_owner: string | null;
  lease_until: OptionalInstant;
  failure_code: string | null;
  /** Nonces of the messages that restarted it. */
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
  /** Of the last attempt's span; null unless dead. */
  last_traceparent: string | null;
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
