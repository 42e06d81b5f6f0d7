import { baseConfig, flag, integer, list, postgresUrl } from '@pressferry/runtime';
import { REGISTRY_MAX_AGE_MS, SITE_DEFAULTS } from '@pressferry/sites';
import { z } from 'zod';
import { STANDARD_SCHEDULE_MS } from './delivery/schedule.ts';

const MAX_RETRY_DELAY_MS = 7 * 24 * 3_600_000;

const schedule = list()
  .pipe(z.array(integer(1, MAX_RETRY_DELAY_MS)).min(1, 'must name at least one delay').max(50))
  .default([...STANDARD_SCHEDULE_MS]);

export const configSchema = z.object({
  ...baseConfig,
  /** Postgres, and the most connections to it from this process. */
  DATABASE_URL: postgresUrl(),
  DATABASE_POOL_SIZE: integer(2, 200).default(10),
  /** Where results are served; port 0 takes a free one. */
  HTTP_HOST: z.string().default('0.0.0.0'),
  HTTP_PORT: integer(0, 65535).default(8080),
  /** Keys that open results and sites' secrets: `id:base64`, separated by commas. */
  SEALING_KEYS: z.string(),
  /** Also connect to private, loopback and link-local addresses: for sites inside the cluster and for development. */
  ALLOW_PRIVATE_ADDRESSES: flag().default(false),
  /** Also push to `http:` callback URLs: for development only. */
  ALLOW_HTTP_CALLBACKS: flag().default(false),
  /** Also accept tokens signed with HS256, by sites whose keys are registered so. */
  ALLOW_HS256: flag().default(false),
  /** What a site that enrols is told: the base URLs of ingress and of this service, as the site reaches them. */
  PUBLIC_INGRESS_URL: z.url({ protocol: /^https?$/ }).optional(),
  PUBLIC_RESULTS_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** How long the registry of sites may go unproven before polls get 503, pushes wait and `/readyz` says so. */
  REGISTRY_MAX_AGE_MS: integer(1_000, 600_000).default(REGISTRY_MAX_AGE_MS),
  /**
   * The least time between two pokes of a site that reports waiting events; the silence after which a site is poked
   * anyway.
   */
  POKE_SPACING_MS: integer(1_000, 86_400_000).default(300_000),
  POKE_AFTER_SILENCE_MS: integer(1_000, 604_800_000).default(7_200_000),
  /** How often one replica compares the published sites with Postgres and publishes what differs. */
  RECONCILE_INTERVAL_MS: integer(500, 3_600_000).default(20_000),
  /** The delay after the first, second, … failed attempt, before jitter; there is one attempt more than entries. */
  RETRY_SCHEDULE_MS: schedule,
  /**
   * Attempts in flight at once in this process, over all sites, except for the slow ones. An eighth of them only of
   * sites with none in flight.
   */
  CONCURRENCY: integer(1, 10_000).default(64),
  /**
   * An attempt that waits longer than this for its answer gives up its slot and goes on outside the slots; and how many
   * may.
   */
  SLOW_AFTER_MS: integer(50, 60_000).default(500),
  SLOW_CONCURRENCY: integer(0, 10_000).default(256),
  /** Attempts in flight at once in this process for one site: at first, and at most while its answers stay quick. */
  SITE_CONCURRENCY: integer(1, 1_000).default(4),
  SITE_CONCURRENCY_MAX: integer(1, 10_000).default(64),
  /** How long a connection to a site may take. */
  CONNECT_TIMEOUT_MS: integer(10, 60_000).default(3_000),
  /** The whole attempt: name, connection, request and answer. */
  ATTEMPT_TIMEOUT_MS: integer(50, 120_000).default(10_000),
  /** The same for the first attempt of a delivery at a site whose last attempt was not acknowledged. */
  FIRST_ATTEMPT_TIMEOUT_MS: integer(50, 120_000).default(3_000),
  /**
   * How long a claimed delivery belongs to this process without renewal; after a crash, the next attempt waits as long.
   */
  LEASE_MS: integer(500, 600_000).default(12_000),
  /** The age at which a result without a delivery gets one, because its message was lost. */
  SWEEP_AFTER_MS: integer(100, 86_400_000).default(60_000),
  /** The longest wait before the next look for due deliveries, if nothing announced them; 10 s if a look is slow. */
  POLL_INTERVAL_MS: integer(10, 1_000).default(1_000),
  /** Straight failures of a site after which only one attempt at a time probes it. */
  BREAKER_FAILURES: integer(1, 1_000).default(5),
  /** The pause between two probes of a failing site: doubled from the first to the second. */
  BREAKER_PROBE_MIN_MS: integer(10, 3_600_000).default(5_000),
  BREAKER_PROBE_MAX_MS: integer(10, 3_600_000).default(60_000),
  /** How long unsigned 410s must be seen, with no acknowledgement between, before the site's pushes stop. */
  GONE_HOLD_MS: integer(0, 30 * 24 * 3_600_000).default(24 * 3_600_000),
  /** The pace at which a site's waiting deliveries become due again once it answers or is resumed. */
  RESUME_SPACING_MS: integer(0, 60_000).default(100),
  /** Polls of one site: steady rate and bucket size, over all replicas; 0 lifts the limit. */
  RATE_LIMIT_SITE_PER_MINUTE: integer(0, 10_000_000).default(SITE_DEFAULTS.perMinute),
  RATE_LIMIT_SITE_BURST: integer(1, 10_000_000).default(SITE_DEFAULTS.burst),
  /** How long a publish to JetStream may wait for its acknowledgement. */
  PUBLISH_TIMEOUT_MS: integer(100, 10_000).default(1_500),
  /** How long a poll's request may take to arrive. */
  REQUEST_TIMEOUT_MS: integer(1_000, 120_000).default(10_000),
});

export type Config = z.output<typeof configSchema>;
