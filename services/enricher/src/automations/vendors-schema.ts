import { z } from 'zod';

const envName = z.string().regex(/^[A-Z][A-Z0-9_]{0,99}$/, 'must be the name of an environment variable');

const common = {
  /** The whole call, from the connection to the last byte. */
  timeout_ms: z.int().min(10).max(600_000).default(15_000),
  /** Calls in flight in one process. */
  max_concurrency: z.int().min(1).max(1_000).default(16),
  /** Over all replicas. */
  rate: z
    .strictObject({
      requests_per_minute: z.int().min(1).max(1_000_000).optional(),
      /** Of models: input and output. */
      tokens_per_minute: z.int().min(1).max(1_000_000_000).optional(),
      concurrency: z.int().min(1).max(10_000).optional(),
    })
    .refine(
      (rate) => Object.values(rate).some((limit) => limit !== undefined),
      'must name a limit: requests_per_minute, tokens_per_minute or concurrency',
    )
    .optional(),
  retry: z
    .strictObject({
      /** Without it only time counts. For a vendor that works and then answers with an error. */
      max_attempts: z.int().min(1).max(1_000).optional(),
      base_ms: z.int().min(1).max(3_600_000).default(1_000),
      cap_ms: z.int().min(1).max(86_400_000).default(1_800_000),
      /** How long a step is tried, from its first call. */
      for_ms: z.int().min(1).max(2_592_000_000).default(172_800_000),
      wait_ms: z.int().min(1).max(2_592_000_000).default(86_400_000),
      /** How long it is held while the vendor refuses the credential. */
      hold_ms: z.int().min(1).max(2_592_000_000).default(604_800_000),
    })
    .prefault({}),
  breaker: z
    .strictObject({
      /** It opens once more than half of the last calls failed: of at least this many, at most twice as many. */
      failures: z.int().min(1).max(1_000).default(5),
      /** How long it stays open before a probe. */
      open_ms: z.int().min(10).max(3_600_000).default(10_000),
    })
    .prefault({}),
};

const dollars = z.number().min(0).max(10_000);
const rates = { input: dollars, output: dollars, cached_input: dollars.optional(), cache_write: dollars.optional() };

export const PROVIDERS = ['openai-compatible', 'openai', 'anthropic', 'azure'] as const;

export const llmVendor = z.strictObject({
  kind: z.literal('llm'),
  provider: z.enum(PROVIDERS).optional(),
  provider_env: envName.optional(),
  base_url: z.string().optional(),
  base_url_env: envName.optional(),
  api_key_env: envName.optional(),
  model: z.string().min(1).optional(),
  model_env: envName.optional(),
  /** The vendor's name for `max_output_tokens`; by default the SDK's for the model. */
  max_tokens_field: z.enum(['max_tokens', 'max_completion_tokens']).optional(),
  /** Dollars for a million tokens, by model; overrides the release's table. */
  prices: z
    .record(
      z.string(),
      z.strictObject({
        ...rates,
        /** For the whole call if its prompt has more tokens. */
        tiers: z
          .array(z.strictObject({ above: z.int().min(1).max(100_000_000), ...rates }))
          .max(10)
          .refine(
            (tiers) => new Set(tiers.map(({ above }) => above)).size === tiers.length,
            'two tiers begin above the same length',
          )
          .optional(),
      }),
    )
    .default({}),
  /** How to ask for JSON: by the step's schema, by the vendor's JSON mode, or in words. Learnt from refusals, too. */
  json_mode: z.enum(['schema', 'object', 'words']).optional(),
  /** Of `azure`: the version in the address; without it the newer, unversioned address is called. */
  api_version: z
    .string()
    .regex(/^20\d\d-\d\d-\d\d(-preview)?$/, 'must be a date, with -preview behind it or not')
    .optional(),
  ...common,
});

/** Set by the connection and enricher. */
const NOT_FOR_CREDENTIALS = new Set([
  ...[
    'host',
    'connection',
    'content-length',
    'content-type',
    'transfer-encoding',
    'upgrade',
    'expect',
    'te',
    'trailer',
  ],
  ...['keep-alive', 'proxy-connection', 'idempotency-key', 'traceparent', 'tracestate', 'accept-encoding'],
]);

export const httpVendor = z.strictObject({
  kind: z.literal('http'),
  base_url: z.string().optional(),
  base_url_env: envName.optional(),
  auth: z
    .strictObject({
      header: z
        .string()
        .regex(/^[A-Za-z0-9-]+$/, 'must be a header name')
        .refine((name) => !NOT_FOR_CREDENTIALS.has(name.toLowerCase()), 'is a header that no credential goes into'),
      value_env: envName,
      prefix: z.string().default(''),
    })
    .optional(),
  ...common,
});
