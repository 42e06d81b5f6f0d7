import { type Catalogue, MAX_BODY_BYTES } from '@pressferry/contracts';
import { eventExamples, eventSchemas, keySchema } from './events.ts';
import { ABOUT, SEND, STATE, TOKEN } from './prose.ts';
import { PROBLEM_SCHEMA, REFUSALS, refusalResponses } from './refusals.ts';

type Json = Record<string, unknown>;

/** Major: changes only with what breaks a client. */
const VERSION = '1.0.0';

export function buildOpenApi(catalogue: Catalogue): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Pressferry ingress',
      version: VERSION,
      description: ABOUT,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths: {
      '/ingest': { post: sendEvent(catalogue) },
      '/ingest/{idempotency_key}': { get: READ_STATE },
      '/openapi.json': { get: DESCRIBE },
    },
    components: {
      securitySchemes: {
        siteToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: TOKEN },
      },
      headers: HEADERS,
      schemas: { ...eventSchemas(catalogue), Accepted: ACCEPTED, State: STATE_SCHEMA, Problem: PROBLEM_SCHEMA },
    },
  };
}

const json = (schema: string): Json => ({
  'application/json': { schema: { $ref: `#/components/schemas/${schema}` } },
});

function sendEvent(catalogue: Catalogue): Json {
  return {
    operationId: 'sendEvent',
    summary: 'Send an event',
    description: SEND,
    security: [{ siteToken: [] }],
    parameters: [
      {
        name: 'X-Signature',
        in: 'header',
        required: true,
        description:
          '`sha256=` and the lower-case hex HMAC-SHA256 of the body, byte for byte, keyed with the site’s secret.',
        schema: { type: 'string', pattern: '^sha256=[0-9a-f]{64}$' },
      },
      {
        name: 'X-Idempotency-Key',
        in: 'header',
        required: true,
        description: 'The `idempotency_key` of the body.',
        schema: keySchema,
      },
      {
        name: 'traceparent',
        in: 'header',
        description: 'W3C trace context; the event’s trace goes on from it. A malformed one is ignored.',
        schema: { type: 'string', examples: ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'] },
      },
    ],
    requestBody: {
      required: true,
      description: `One event, at most ${MAX_BODY_BYTES} bytes. The media type may carry \`charset=utf-8\`; \`Content-Encoding\` may not be sent.`,
      content: {
        'application/json': {
          schema: { $ref: '#/components/schemas/Event' },
          examples: eventExamples(catalogue),
        },
      },
    },
    responses: {
      202: {
        description: 'Stored, and not to be lost; or stored before, when it is a repeat.',
        headers: { 'Idempotent-Replayed': { $ref: '#/components/headers/Idempotent-Replayed' } },
        content: {
          'application/json': {
            schema: { $ref: '#/components/schemas/Accepted' },
            examples: {
              first: { summary: 'The first time', value: accepted(false) },
              repeat: { summary: 'A repeat (Idempotent-Replayed: true)', value: accepted(true) },
            },
          },
        },
      },
      ...refusalResponses(REFUSALS.sendEvent),
    },
  };
}

const EXAMPLE_ID = '0e4a2f8c-2f6e-5a3b-9c61-3a0a5d1c7b1e';
const accepted = (duplicate: boolean): Json => ({ request_id: EXAMPLE_ID, status: 'accepted', duplicate });

const REQUEST_ID = {
  type: 'string',
  format: 'uuid',
  description: 'The event’s id on this side: the same for each repeat, and on every result of the event.',
};

const ACCEPTED: Json = {
  type: 'object',
  required: ['request_id', 'status', 'duplicate'],
  properties: {
    request_id: REQUEST_ID,
    status: { const: 'accepted' },
    duplicate: { type: 'boolean', description: 'True for a repeat.' },
  },
  additionalProperties: false,
};

const STATE_SCHEMA: Json = {
  type: 'object',
  required: ['request_id', 'status', 'event_type', 'received_at'],
  properties: {
    request_id: REQUEST_ID,
    status: { enum: ['accepted', 'processing'] },
    event_type: { type: 'string' },
    received_at: { type: 'string', format: 'date-time', description: 'When it was accepted.' },
  },
  additionalProperties: false,
  examples: [
    {
      request_id: EXAMPLE_ID,
      status: 'processing',
      event_type: 'post.published',
      received_at: '2026-11-24T08:00:02.117Z',
    },
  ],
};

const READ_STATE: Json = {
  operationId: 'readState',
  summary: 'Ask for the state of an event',
  description: STATE,
  security: [{ siteToken: [] }],
  parameters: [{ name: 'idempotency_key', in: 'path', required: true, schema: keySchema }],
  responses: {
    200: { description: 'The event is known.', content: json('State') },
    ...refusalResponses(REFUSALS.readState),
  },
};

const DESCRIBE: Json = {
  operationId: 'describe',
  summary: 'Read this description',
  description: 'Holds the event types that are configured at the moment.',
  security: [],
  responses: {
    200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object' } } } },
    ...refusalResponses(REFUSALS.describe),
  },
};

const header = (description: string, schema: Json, required = false): Json => ({ description, required, schema });

const HEADERS: Json = {
  'Idempotent-Replayed': header('Sent with the answer to a repeat.', { const: 'true' }),
  'WWW-Authenticate': header('RFC 9110.', { const: 'Bearer' }, true),
  'Retry-After': header('Seconds to wait before the next try.', { type: 'integer', minimum: 1 }, true),
  RateLimit: header(
    'The limit that was met (`ip` or `site`), what remains of it, and the seconds until the next request can pass.',
    { type: 'string', pattern: '^"(ip|site)";r=[0-9]+;t=[0-9]+$' },
    true,
  ),
  'RateLimit-Policy': header(
    'The limit that was met: its quota, and its window in seconds.',
    { type: 'string', pattern: '^"(ip|site)";q=[0-9]+;w=[0-9]+$' },
    true,
  ),
};
