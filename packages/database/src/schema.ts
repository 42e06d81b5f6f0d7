import type { ColumnType, Generated, JSONColumnType } from 'kysely';

/** Written as a Date or an ISO string, read as a Date. */
type Instant = ColumnType<Date, Date | string, Date | string>;
type OptionalInstant = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
type DefaultInstant = ColumnType<Date, Date | string | undefined, Date | string>;

export type SiteStatus = 'active' | 'paused' | 'disabled';
export type RunStatus = 'pending' | 'running' | 'waiting' | 'succeeded' | 'failed';
export type StepStatus = 'pending' | 'succeeded' | 'failed' | 'skipped';
export type DeliveryStatus = 'pending' | 'held' | 'acknowledged' | 'polled' | 'dead';

export interface SitesTable {
  site_id: string;
  status: Generated<SiteStatus>;
  /** Set by the database when `status` becomes paused, null otherwise. */
  paused_at: OptionalInstant;
  issuer: string;
  audience: string;
  callback_url: string | null;
  callback_stopped_at: OptionalInstant;
  settings: JSONColumnType<Record<string, unknown>, string | undefined, string>;
  created_at: DefaultInstant;
  updated_at: DefaultInstant;
}

export interface SiteKeysTable {
  site_id: string;
  kid: string;
  algorithm: 'RS256' | 'ES256' | 'EdDSA' | 'HS256';
  public_key: string;
  expires_at: OptionalInstant;
  created_at: DefaultInstant;
}

export interface SiteSecretsTable {
  secret_id: Generated<string>;
  site_id: string;
  sealed_secret: string;
  expires_at: OptionalInstant;
  created_at: DefaultInstant;
}

export interface EventsTable {
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

export interface RunsTable {
  run_id: string;
  request_id: string;
  site_id: string;
  idempotency_key: string;
  automation: string;
  /** Of the definition that it began under; null in a run of an earlier release. */
  automation_version: string | null;
  /** The vendor of the step that is next; runs are claimed by it. */
  vendor: Generated<string>;
  status: Generated<RunStatus>;
  failure_code: string | null;
  failed_step: string | null;
  /** When a worker should look at it next: for a running one the end of its lease. */
  due_at: DefaultInstant;
  lease_owner: string | null;
  lease_until: OptionalInstant;
  created_at: DefaultInstant;
  started_at: OptionalInstant;
  finished_at: OptionalInstant;
}

export interface StepsTable {
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

export interface StepAttemptsTable {
  run_id: string;
  position: number;
  attempt: number;
  started_at: Instant;
  duration_ms: number;
  outcome: 'succeeded' | 'retry' | 'failed';
  status_code: number | null;
  failure_code: string | null;
}

/** What all replicas are to know of a vendor. */
export interface VendorBlocksTable {
  vendor: string;
  cause: 'limited' | 'denied';
  blocked_until: Instant;
  noted_at: DefaultInstant;
}

export interface ResultsTable {
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

export interface DeliveriesTable {
  result_id: string;
  site_id: string;
  status: Generated<DeliveryStatus>;
  attempt_count: Generated<number>;
  due_at: DefaultInstant;
  lease_owner: string | null;
  lease_until: OptionalInstant;
  failure_code: string | null;
  /** The nonces of the messages that began it again. */
  replays: string[] | null;
  created_at: DefaultInstant;
  finished_at: OptionalInstant;
}

export interface AttemptsTable {
  result_id: string;
  attempt: number;
  started_at: Instant;
  duration_ms: number;
  outcome: 'acknowledged' | 'retry' | 'stopped';
  status_code: number | null;
  failure_code: string | null;
}

/** Up to which place results were searched for missing deliveries; one row. */
export interface DeliverySweepTable {
  only_row: Generated<boolean>;
  place: string;
}

/** How a site's callback URL answers; written by callback. */
export interface SiteEndpointsTable {
  site_id: string;
  callback_url: string;
  last_success_at: OptionalInstant;
  straight_failures: Generated<number>;
  probe_pause_ms: number | null;
  next_probe_at: OptionalInstant;
  gone_since: OptionalInstant;
  updated_at: DefaultInstant;
}

export interface AuditLogTable {
  audit_id: Generated<string>;
  at: DefaultInstant;
  actor: string;
  action: string;
  site_id: string | null;
  detail: JSONColumnType<Record<string, unknown>, string | undefined, string>;
}

/** Written by each service to know that the database takes writes. */
export interface WorkerProbesTable {
  worker: string;
  probed_at: DefaultInstant;
}

export interface IntakeSuspectsTable {
  digest: string;
  begun: Generated<number>;
  begun_at: DefaultInstant;
}

/** One row. */
export interface RegistryRoundsTable {
  is_only: Generated<boolean>;
  begun_at: DefaultInstant;
}

/** Every table of the database. */
/** The events that were erased, so a message that comes again is not stored again. */
export interface ErasedEventsTable {
  request_id: string;
  erased_at: DefaultInstant;
}

/** One-time tokens by which sites register themselves, as hashes. */
export interface EnrolmentTokensTable {
  /** SHA-256, in hex. */
  token_hash: string;
  /** The registered site that it enrols again; null for a new one. */
  for_site_id: string | null;
  labels: JSONColumnType<Record<string, string>, string | undefined, string>;
  created_at: DefaultInstant;
  expires_at: Instant;
  used_at: OptionalInstant;
  site_id: string | null;
  kid: string | null;
}

/** What each site last said of itself, and when callback is to wake it. */
export interface SiteHeartbeatsTable {
  site_id: string;
  received_at: Instant;
  home_url: string;
  report: JSONColumnType<Record<string, unknown>, string, string>;
  /** Where a copy of the site was seen. */
  copy_home_url: string | null;
  copy_seen_at: OptionalInstant;
  /** Null: not at all. */
  poke_at: OptionalInstant;
  poked_at: OptionalInstant;
  poke_outcome: string | null;
  poke_failures: Generated<number>;
}

/** How far Postgres has taken over each stream of events. */
export interface IntakePositionsTable {
  stream: string;
  stream_created_at: string;
  sequence: ColumnType<string, number, number>;
  updated_at: DefaultInstant;
}

/** The `subject.erasure_requested` events whose person was erased. */
export interface ErasureRequestsTable {
  request_id: string;
  handled_at: DefaultInstant;
}

/** The definitions of automations under which runs began. */
export interface AutomationVersionsTable {
  automation: string;
  version: string;
  definition: JSONColumnType<Record<string, unknown>>;
  noted_at: DefaultInstant;
}

export interface Schema {
  sites: SitesTable;
  site_keys: SiteKeysTable;
  site_secrets: SiteSecretsTable;
  events: EventsTable;
  runs: RunsTable;
  automation_versions: AutomationVersionsTable;
  steps: StepsTable;
  step_attempts: StepAttemptsTable;
  results: ResultsTable;
  vendor_blocks: VendorBlocksTable;
  deliveries: DeliveriesTable;
  attempts: AttemptsTable;
  site_endpoints: SiteEndpointsTable;
  delivery_sweep: DeliverySweepTable;
  audit_log: AuditLogTable;
  registry_rounds: RegistryRoundsTable;
  worker_probes: WorkerProbesTable;
  intake_suspects: IntakeSuspectsTable;
  erased_events: ErasedEventsTable;
  enrolment_tokens: EnrolmentTokensTable;
  site_heartbeats: SiteHeartbeatsTable;
  erasure_requests: ErasureRequestsTable;
  intake_positions: IntakePositionsTable;
}
