import { PROBLEM_CONTENT_TYPE, PROBLEMS, type ProblemCode, problem, problemType } from '@pressferry/contracts';

const BY_EVERY_REQUEST = [
  'request_malformed',
  'https_required',
  'ip_not_allowed',
  'request_timeout',
  'rate_limited_ip',
  'header_too_large',
  'internal_error',
  'overloaded',
] as const satisfies ProblemCode[];

const BY_TOKEN = [
  'header_repeated',
  'token_missing',
  'token_malformed',
  'token_algorithm_refused',
  'token_key_unknown',
  'token_signature_invalid',
  'token_claims_invalid',
  'token_issuer_mismatch',
  'token_audience_mismatch',
  'token_expired',
  'token_not_yet_valid',
  'token_lifetime_too_long',
  'token_replayed',
  'site_unknown',
  'site_disabled',
  'rate_limited_site',
  'stream_unavailable',
  'registry_unavailable',
] as const satisfies ProblemCode[];

/** The refusals of each operation. A test checks that every code is listed. */
export const REFUSALS = {
  describe: BY_EVERY_REQUEST,
  readState: [...BY_EVERY_REQUEST, ...BY_TOKEN, 'parameter_invalid', 'event_unknown'],
  sendEvent: [
    ...BY_EVERY_REQUEST,
    ...BY_TOKEN,
    'header_missing',
    'header_malformed',
    'body_empty',
    'body_not_utf8',
    'body_not_json',
    'json_too_complex',
    'json_key_repeated',
    'signature_mismatch',
    'event_type_off',
    'body_too_large',
    'content_type_unsupported',
    'content_encoding_unsupported',
    'envelope_invalid',
    'idempotency_key_mismatch',
    'idempotency_key_reused',
    'event_type_unknown',
    'data_invalid',
    'timestamp_drift',
    'stream_full',
    'site_backlog_full',
  ],
} as const satisfies Record<string, readonly ProblemCode[]>;

const HEADERS: Readonly<Record<number, readonly string[]>> = {
  401: ['WWW-Authenticate'],
  429: ['Retry-After', 'RateLimit', 'RateLimit-Policy'],
  503: ['Retry-After'],
};

/** The responses by status, each with its codes, titles, anchors and headers. */
export function refusalResponses(codes: readonly ProblemCode[]): Record<string, unknown> {
  const statuses = [...new Set(codes.map((code) => PROBLEMS[code][0]))].sort((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      refusalResponse(
        status,
        codes.filter((code) => PROBLEMS[code][0] === status),
      ),
    ]),
  );
}

function refusalResponse(status: number, codes: readonly ProblemCode[]): Record<string, unknown> {
  const rows = codes.map((code) => `| [\`${code}\`](${problemType(code)}) | ${PROBLEMS[code][1]} |`);
  const headers = HEADERS[status] ?? [];
  return {
    description: ['| code | meaning |', '|---|---|', ...rows].join('\n'),
    headers: Object.fromEntries(headers.map((name) => [name, { $ref: `#/components/headers/${name}` }])),
    content: {
      [PROBLEM_CONTENT_TYPE]: {
        schema: {
          allOf: [{ $ref: '#/components/schemas/Problem' }],
          type: 'object',
          properties: {
            status: { const: status },
            code: { enum: codes },
            title: { enum: [...new Set(codes.map((code) => PROBLEMS[code][1]))] },
            type: { enum: codes.map(problemType) },
          },
        },
        examples: Object.fromEntries(codes.map((code) => [code, { summary: PROBLEMS[code][1], value: problem(code) }])),
      },
    },
  };
}

export const PROBLEM_SCHEMA = {
  description: 'An RFC 9457 problem.',
  type: 'object',
  required: ['type', 'title', 'status', 'code'],
  properties: {
    type: { type: 'string', format: 'uri', description: 'Where the code is explained.' },
    title: { type: 'string', description: 'The fault, for people; the same for each problem of this code.' },
    status: { type: 'integer', description: 'The HTTP status.' },
    code: { type: 'string', description: 'The fault, for programs. Stable.' },
    detail: { type: 'string', description: 'What exactly, if that can be said without quoting the request.' },
    errors: {
      type: 'array',
      description: 'Faults of the body; not always all of them.',
      items: {
        type: 'object',
        required: ['pointer', 'rule'],
        properties: {
          pointer: { type: 'string', description: 'JSON pointer into the body (RFC 6901).' },
          rule: { type: 'string', description: 'The rule that is broken.' },
        },
        additionalProperties: false,
      },
    },
  },
  additionalProperties: false,
} as const;
