import { baseConfig, flag, integer, list } from '@pressferry/runtime';
import { z } from 'zod';

/** Everything ingress can be told; `docs/configuration.md` describes each variable. */
export const configSchema = z.object({
  ...baseConfig,
  HTTP_HOST: z.string().default('0.0.0.0'),
  HTTP_PORT: integer(0, 65535).default(8080),
  /** Keys that open the sites' secrets: `id:base64`, separated by commas. */
  SEALING_KEYS: z.string(),
  /** Folders of further event types, separated by commas; later ones win. */
  EVENT_TYPES_DIRS: list().default([]),
  /** Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed (addresses or CIDR ranges). */
  TRUSTED_PROXIES: list().default([]),
  /** Accept plain HTTP: for development only. */
  INSECURE: flag().default(false),
  ALLOW_HS256: flag().default(false),
  /** Steady rate and bucket size of one client address; 0 lifts the limit. */
  RATE_LIMIT_IP_PER_MINUTE: integer(0, 10_000_000).default(60),
  RATE_LIMIT_IP_BURST: integer(1, 10_000_000).default(60),
  /** Steady rate and bucket size of one site; 0 lifts the limit. */
  RATE_LIMIT_SITE_PER_MINUTE: integer(0, 10_000_000).default(60),
  RATE_LIMIT_SITE_BURST: integer(1, 10_000_000).default(60),
  /** How long a publish may wait for its acknowledgement. */
  PUBLISH_TIMEOUT_MS: integer(100, 10_000).default(1_500),
  /** Requests in hand beyond which a new one is answered with 503 at once. */
  MAX_IN_FLIGHT: integer(1, 100_000).default(1_000),
  REQUEST_TIMEOUT_MS: integer(1_000, 120_000).default(10_000),
});

export type Config = z.output<typeof configSchema>;
