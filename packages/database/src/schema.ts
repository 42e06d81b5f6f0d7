import type { ColumnType, Generated, JSONColumnType } from 'kysely';
import type { DefaultInstant, Instant, OptionalInstant } from './instants.ts';
import type {
  AttemptsTable,
  DeliveriesView,
  EventKeysTable,
  EventsTable,
  OpenDeliveriesTable,
  OpenRunsTable,
  OpenStepsTable,
  PastDeliveriesTable,
  PastRunsTable,
  PastStepsTable,
  ResultsTable,
  RunsView,
  StepAttemptsTable,
  StepsTable,
} from './schema-journeys.ts';

export * from './schema-journeys.ts';

export type SiteStatus = 'active' | 'paused' | 'disabled';

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
  /** Operators' labels; conditions read them. */
  labels: JSONColumnType<Record<string, string>, string | undefined, string>;
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

/** Vendors that no replica may call for now. */
export interface VendorBlocksTable {
  vendor: string;
  cause: 'limited' | 'denied';
  blocked_until: Instant;
  noted_at: DefaultInstant;
}

/** One row: up to which place results were searched for missing deliveries. */
export interface DeliverySweepTable {
  only_row: Generated<boolean>;
  place: string;
}

/** The health of callback URLs; written by callback. */
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

/** Redelivery must not store these events again. */
export interface ErasedEventsTable {
  request_id: string;
  erased_at: DefaultInstant;
}

/** One-time enrolment tokens, as hashes. */
export interface EnrolmentTokensTable {
  /** SHA-256, in hex. */
  token_hash: string;
  /** The registered site to enrol again; null for a new one. */
  for_site_id: string | null;
  labels: JSONColumnType<Record<string, string>, string | undefined, string>;
  created_at: DefaultInstant;
  expires_at: Instant;
  used_at: OptionalInstant;
  site_id: string | null;
  kid: string | null;
}

/** Each site's last report, and when callback is to poke it. */
export interface SiteHeartbeatsTable {
  site_id: string;
  received_at: Instant;
  home_url: string;
  report: JSONColumnType<Record<string, unknown>, string, string>;
  copy_home_url: string | null;
  copy_seen_at: OptionalInstant;
  /** Null: never. */
  poke_at: OptionalInstant;
  poked_at: OptionalInstant;
  poke_outcome: string | null;
  poke_failures: Generated<number>;
}

/** How far Postgres took over each stream of events. */
export interface IntakePositionsTable {
  stream: string;
  stream_created_at: string;
  sequence: ColumnType<string, number, number>;
  updated_at: DefaultInstant;
}

/** `subject.erasure_requested` events whose person was erased. */
export interface ErasureRequestsTable {
  request_id: string;
  handled_at: DefaultInstant;
}

export interface AutomationVersionsTable {
  automation: string;
  version: string;
  definition: JSONColumnType<Record<string, unknown>>;
  /** When a replica last had it in use. */
  noted_at: DefaultInstant;
}

export interface Schema {
  sites: SitesTable;
  site_keys: SiteKeysTable;
  site_secrets: SiteSecretsTable;
  event_keys: EventKeysTable;
  events: EventsTable;
  automation_versions: AutomationVersionsTable;
  open_runs: OpenRunsTable;
  past_runs: PastRunsTable;
  runs: RunsView;
  open_steps: OpenStepsTable;
  past_steps: PastStepsTable;
  steps: StepsTable;
  step_attempts: StepAttemptsTable;
  results: ResultsTable;
  vendor_blocks: VendorBlocksTable;
  open_deliveries: OpenDeliveriesTable;
  past_deliveries: PastDeliveriesTable;
  deliveries: DeliveriesView;
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
