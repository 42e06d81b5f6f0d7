import { baseConfig, flag, integer, list, postgresUrl } from '@pressferry/runtime';
import { z } from 'zod';

/** Vendors' addresses and keys are named by the automations. */
export const configSchema = z.object({
  ...baseConfig,
  /** Postgres, and the most connections to it from this process. */
  DATABASE_URL: postgresUrl(),
  DATABASE_POOL_SIZE: integer(2, 200).default(10),
  /** Keys that seal events, step outputs and results: `id:base64`, separated by commas; the first seals. */
  SEALING_KEYS: z.string(),
  /** One YAML file of vendors and automations, or a folder of them. */
  AUTOMATIONS_FILE: z.string(),
  /** How often these files are checked for changes; 0 reads them only at the start. */
  AUTOMATIONS_RELOAD_MS: integer(0, 3_600_000).default(2_000),
  /** Folders of further event types, separated by commas, as ingress has them: an automation on a type that is in none is refused. Read again with the automations. */
  EVENT_TYPES_DIRS: list().default([]),
  /** Lets automations read data that no event type of theirs declares. It renders as nothing. */
  AUTOMATIONS_ANY_DATA: flag().default(false),
  /** Events taken in at once, per shard; they are stored together. An eighth of them only of sites with none in flight. */
  INTAKE_CONCURRENCY: integer(1, 512).default(64),
  /**
   * Events, and bytes of them, that are read ahead over all shards and handed out by site, so a burst of one site
   * delays no other; further ones wait in JetStream. A kill delays them by 12 s.
   */
  INTAKE_WINDOW: integer(1, 32_768).default(8_192),
  INTAKE_WINDOW_BYTES: integer(1_048_576, 1_073_741_824).default(33_554_432),
  /** The most vendor calls in flight in this process: the vendors' `max_concurrency` must not add up to more. */
  WORKER_CONCURRENCY: integer(1, 10_000).default(128),
  /**
   * The calls in flight, in this process, that one site may have at one vendor while others wait; while none does and
   * calls take less than a second on average, up to three quarters of the vendor's `max_concurrency`.
   */
  SITE_CONCURRENCY: integer(1, 1_000).default(4),
  /** The longest wait before the next look for due runs, if nothing announced them; 10 s if a look is slow. */
  WORKER_POLL_MS: integer(10, 1_000).default(1_000),
  /**
   * How long a claimed run belongs to this process without renewal; after a crash, its step is tried again after this
   * time.
   */
  LEASE_MS: integer(500, 600_000).default(12_000),
  /** How often to look for results that a crash left unpublished. */
  RESULT_SWEEP_MS: integer(50, 60_000).default(5_000),
  /** How long a run waits for an automation or a vendor that this configuration does not know, before it fails. */
  UNKNOWN_GRACE_MS: integer(100, 604_800_000).default(3_600_000),
  /**
   * How long finished events are kept, with their runs, results and deliveries, in whole days (UTC) since their
   * acceptance; 0 keeps them forever.
   */
  RETENTION_DAYS: integer(0, 36_500)
    .default(30)
    .refine((days) => days === 0 || days > 3, 'must be 0 or at least 4: NATS may deliver a younger event again'),
  /**
   * How long the steps of finished runs are kept, with vendors' answers and attempts, in days like `RETENTION_DAYS`; 0
   * keeps them as long as the event. A failed run without its steps cannot be repeated.
   */
  RETENTION_STEPS_DAYS: integer(0, 36_500).default(0),
  /** How long the attempts to deliver a result are kept, in days like `RETENTION_DAYS`; 0 keeps them as long as the event. */
  RETENTION_ATTEMPTS_DAYS: integer(0, 36_500).default(0),
  /** How often old days are dropped and the partitions of the days ahead made. */
  RETENTION_EVERY_MS: integer(100, 86_400_000).default(3_600_000),
  /** How often to look for erasure requests of sites. */
  ERASURE_EVERY_MS: integer(100, 86_400_000).default(30_000),
  /** How long a publish to JetStream may wait for its acknowledgement. */
  PUBLISH_TIMEOUT_MS: integer(100, 10_000).default(2_000),
});

export type Config = z.output<typeof configSchema>;
