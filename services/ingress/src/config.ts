import { baseConfig, flag, integer, list } from '@pressferry/runtime';
import { isRange, REGISTRY_MAX_AGE_MS, SITE_DEFAULTS } from '@pressferry/sites';
import { z } from 'zod';

const ranges = () => list().pipe(z.array(z.string().refine(isRange, 'must be addresses or CIDR ranges')));

export const configSchema = z.object({
  ...baseConfig,
  /** Where events are accepted; port 0 takes a free one. */
  HTTP_HOST: z.string().default('0.0.0.0'),
  HTTP_PORT: integer(0, 65535).default(8080),
  /** Keys that open the sites' secrets and seal events: `id:base64`, separated by commas; the first seals. */
  SEALING_KEYS: z.string(),
  /** Seal the bodies of events before JetStream writes them. Switch it off only while an enricher of before 0.2 still runs. */
  SEAL_EVENTS: flag().default(true),
  /** Folders of further event types and `modes.json`, separated by commas; later ones win. Followed while running. */
  EVENT_TYPES_DIRS: list().default([]),
  /** PEM files of the certificate chain and its key: ingress then speaks TLS itself. Read again when they change. */
  TLS_CERT_PATH: z.string().optional(),
  TLS_KEY_PATH: z.string().optional(),
  /** PEM file of the authority whose client certificates are required (mTLS from the edge). */
  TLS_CLIENT_CA_PATH: z.string().optional(),
  /** Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed (addresses or CIDR ranges). An element that is not an address counts as the proxy itself. */
  TRUSTED_PROXIES: ranges().default([]),
  /** Accept plain HTTP: for development only. */
  INSECURE: flag().default(false),
  /** The only addresses or CIDR ranges that may send; empty means any. A site may have a narrower list. */
  IP_ALLOW: ranges().default([]),
  /** Also accept tokens signed with HS256, by sites whose keys are registered so. */
  ALLOW_HS256: flag().default(false),
  /** Steady rate and bucket size of one client address; 0 lifts the limit. */
  RATE_LIMIT_IP_PER_MINUTE: integer(0, 10_000_000).default(60),
  RATE_LIMIT_IP_BURST: integer(1, 10_000_000).default(60),
  /** Addresses or CIDR ranges that the limit per address does not count: an egress that a whole fleet shares. */
  RATE_LIMIT_IP_EXEMPT: ranges().default([]),
  /** Steady rate and bucket size of one site; 0 lifts the limit. */
  RATE_LIMIT_SITE_PER_MINUTE: integer(0, 10_000_000).default(SITE_DEFAULTS.perMinute),
  RATE_LIMIT_SITE_BURST: integer(1, 10_000_000).default(SITE_DEFAULTS.burst),
  /** How long the registry of sites may go unproven before requests get 503 and `/readyz` says so. */
  REGISTRY_MAX_AGE_MS: integer(1_000, 600_000).default(REGISTRY_MAX_AGE_MS),
  /** How many events are held for a paused site, unless its settings say otherwise. */
  MAX_HELD_EVENTS: integer(0, 10_000_000).default(SITE_DEFAULTS.maxHeldEvents),
  /** How long each of an event's two writes may wait for its acknowledgement: both together stay under 2 s. */
  PUBLISH_TIMEOUT_MS: integer(100, 10_000).default(850),
  /** Requests in flight beyond which a new one gets 503 at once. */
  MAX_IN_FLIGHT: integer(1, 100_000).default(1_000),
  /** Bytes of bodies being read beyond which a further one gets 503: slow senders take no place of `MAX_IN_FLIGHT`. */
  MAX_BUFFERED_BYTES: integer(262_144, 68_719_476_736).default(134_217_728),
  /** Connections beyond which a request on a new one gets 503 and is closed. */
  MAX_CONNECTIONS: integer(1, 1_000_000).default(10_000),
  /** How long the refusal of an unproven request is delayed, in ms; 0 refuses at once. */
  REFUSAL_DELAY_MS: integer(0, 5_000).default(100),
  /** How long a client may take to send a request's headers, the whole request, and the next one on a kept connection. */
  HEADERS_TIMEOUT_MS: integer(500, 120_000).default(5_000),
  REQUEST_TIMEOUT_MS: integer(1_000, 120_000).default(10_000),
  KEEP_ALIVE_TIMEOUT_MS: integer(1_000, 600_000).default(65_000),
});

export type Config = z.output<typeof configSchema>;
