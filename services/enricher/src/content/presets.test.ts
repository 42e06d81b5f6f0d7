// What presets make of an error in a 200: Shopify/cli PR 8317, MicrosoftDocs/msteams-docs issues 7425 and 400.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorOf, PRESETS, type Preset } from './presets.ts';

const throttled = { errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED' } }] };
const teams = (status: number) =>
  `Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error ${status} with ContextId x`;

const ERRORS: [preset: Preset, body: unknown, status: number | undefined][] = [
  ['graphql', throttled, 429],
  ['graphql', { data: null, errors: [{ type: 'RATE_LIMITED', message: 'API rate limit exceeded' }] }, 429],
  ['graphql', { data: { create: null }, errors: [{ extensions: { code: 'RATELIMITED' } }] }, 429],
  ['graphql', { error_code: 'ComplexityException', status_code: 429 }, 429],
  ['graphql', { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] }, 401],
  ['slack', { ok: false, error: 'ratelimited' }, 429],
  ['slack', { ok: false, error: 'internal_error' }, 503],
  ['slack', { ok: false, error: 'token_revoked' }, 401],
  ['slack', { ok: false, error: 'missing_scope' }, 403],
  ['salesforce', [{ success: false, errors: [{ statusCode: 'UNABLE_TO_LOCK_ROW' }] }], 400],
  [
    'salesforce',
    { compositeResponse: [{ httpStatusCode: 403, body: [{ errorCode: 'REQUEST_LIMIT_EXCEEDED' }] }] },
    429,
  ],
  ['hubspot', { results: [], numErrors: 1, errors: [{ category: 'RATE_LIMITS' }] }, 429],
  ['zoho', { code: 'TOO_MANY_REQUESTS', status: 'error' }, 429],
  ['teams', teams(429), 429],
  ['teams', teams(502), 503],
  ['json-rpc', { error: { code: 100, data: { name: 'odoo.http.SessionExpiredException' } } }, 401],
  // Lasting ones.
  ['graphql', { errors: [{ extensions: { code: 'INTERNAL_SERVER_ERROR' } }] }, undefined],
  ['graphql', { errors: [{ message: 'Throttled' }] }, undefined],
  ['slack', { ok: false, error: 'channel_not_found' }, undefined],
  ['salesforce', [{ success: false, errors: [{ statusCode: 'REQUIRED_FIELD_MISSING' }] }], undefined],
  ['teams', teams(413), undefined],
  ['json-rpc', { error: { code: 200, data: { name: 'odoo.exceptions.ValidationError' } } }, undefined],
  // A part was done: a repeat would do it twice.
  ['graphql', { ...throttled, data: { one: { id: 1 }, two: null } }, undefined],
  [
    'salesforce',
    [{ success: true }, { success: false, errors: [{ statusCode: 'REQUEST_LIMIT_EXCEEDED' }] }],
    undefined,
  ],
  ['hubspot', { results: [{ id: '1' }], numErrors: 1, errors: [{ category: 'RATE_LIMITS' }] }, undefined],
  ['zoho', { data: [{ status: 'success' }, { status: 'error', code: 'TOO_MANY_REQUESTS' }] }, undefined],
];

/** Answers that did not do all of it, and fine ones; other presets are in tests/reports/success.test.ts. */
const ANSWERS: [preset: Preset, failed: { status?: number; body: unknown }[], fine: unknown[]][] = [
  [
    'zendesk',
    [
      { body: { job_status: { status: 'failed' } } },
      { body: { job_status: { status: 'completed', results: [{ success: false }] } } },
      { body: { results: [{ error: 'x' }] } },
    ],
    [{ ticket: { id: 1 } }, { job_status: { status: 'queued' } }],
  ],
  [
    'zoho',
    [
      { body: { data: [{ code: 'MANDATORY_NOT_FOUND', status: 'error', details: {} }] } },
      {
        status: 202,
        body: {
          data: [
            { code: 'SUCCESS', status: 'success' },
            { code: 'INVALID_DATA', status: 'error' },
          ],
        },
      },
      { body: { code: 'INVALID_MODULE', status: 'error' } },
      { body: { code: 1003, message: 'Contact does not exist.' } },
    ],
    [
      { data: [{ code: 'SUCCESS', status: 'success', action: 'insert', details: { id: '1' } }] },
      { code: 0, contact: {} },
    ],
  ],
  [
    'teams',
    [
      {
        body: 'Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId x',
      },
    ],
    ['1'],
  ],
  [
    'json-rpc',
    [
      {
        body: {
          jsonrpc: '2.0',
          id: 1,
          error: { code: 200, message: 'Odoo Server Error', data: { name: 'odoo.exceptions.ValidationError' } },
        },
      },
      { body: { success: false, error: { code: 'RECORD_NOT_FOUND' } } },
    ],
    [
      { jsonrpc: '2.0', id: 1, result: 7 },
      { jsonrpc: '2.0', id: 1, result: false, error: null },
    ],
  ],
];

test('a preset knows a 2xx that did not do all of it', () => {
  for (const [preset, failed, fine] of ANSWERS) {
    for (const { body } of failed) assert.ok(PRESETS[preset].failed(body, 200), JSON.stringify(body));
    for (const body of fine) assert.ok(!PRESETS[preset].failed(body, 200), JSON.stringify(body));
  }
});

test('an error in a 200 is a limit, an outage or a refused credential if nothing was done and its word says so', () => {
  for (const [preset, body, status] of ERRORS) {
    assert.ok(PRESETS[preset].failed(body, 200), JSON.stringify(body));
    assert.equal(errorOf(preset, body)?.status, status, JSON.stringify(body));
  }
});

test('presets read a body of any form', () => {
  for (const preset of Object.keys(PRESETS) as Preset[])
    for (const body of [null, 'ok', '', 1, true, [], [null], [[]], {}, { data: 'x', errors: 1, results: {} }]) {
      PRESETS[preset].failed(body, 200);
      errorOf(preset, body);
    }
});
