// Report 1, 200 with the text `ok`: slackapi/node-slack-sdk issues 477 and 501, slackapi/slack-github-action issue 671, jenkinsci/slack-plugin PR 620.
// Report 3, 2xx and nothing written: rudderlabs/rudder-transformer PRs 5167 and 5147, HubSpot/hubspot-api-php issue 619.
// Neighbours, limits and other errors in a 200: Shopify/cli PR 8317, MicrosoftDocs/msteams-docs issues 7425 and 400, zoho/embeddedApp-js-sdk issue 14.
// Report 5, 409 for what exists: HubSpot/hubspot-api-python issue 51, fossasia/eventyay-hubspot issue 25.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { testPostgres } from '../../services/enricher/test/world.ts';
import { startTable, type Table } from './table.ts';
import type { Said } from './vendor.ts';

/** Of the steps, what differs. */
const STEPS = {
  plain: '',
  json: ', answer: json',
  text: ', answer: text',
  ignored: ', answer: ignore',
  hubspot: ', preset: hubspot',
  salesforce: ', preset: salesforce',
  graphql: ', preset: graphql',
  slack: ', preset: slack',
  mailchimp: ', preset: mailchimp',
  'ok-is-not-false': ", fail_if: 'body.ok == false'",
  'asks-a-missing-member': ", fail_if: 'body.missing == 1'",
  'wants-items': ", expect: 'status == 200 && size(body.items) > 0'",
  'wants-201': ", expect: 'status == 201'",
  'wants-a-header': ', expect: \'headers["x-written"] == "1"\'',
  'takes-409': ', ok_statuses: [409]',
  'takes-a-member': ', ok_statuses: [400], expect: \'status < 300 || body.title == "Member Exists"\'',
};
const stack = new AsyncDisposableStack();
let table: Table;
before(async () => {
  const postgres = stack.use(await testPostgres());
  const rows = Object.entries(STEPS).map(([name, settings]) => [
    name,
    {
      step: `type: http, vendor: crm, path: /x, body: { case: '{{ event.data.title }}' } ${settings}`,
      result: 'body: { $value: steps.s.output.body }',
    },
  ]);
  table = stack.use(await startTable(postgres, Object.fromEntries(rows)));
});
after(() => stack.disposeAsync());

/** What one answer of a step comes to, and after how many calls. */
async function judge(said: Said, step: keyof typeof STEPS = 'plain'): Promise<unknown[]> {
  const { code, output, calls } = await table.ask(step, said);
  return [code ?? output.body, calls.length];
}

const JSON_TYPE = { 'content-type': 'application/json' };
const UMLAUTS = 'Größe: 5 µm';
const coded = (coding: string, body: Buffer): Said => ({ body, headers: { ...JSON_TYPE, 'content-encoding': coding } });

const BODIES: [what: string, said: Said, body: unknown][] = [
  ['a word', { body: 'ok' }, 'ok'],
  ['a word that is said to be JSON', { body: 'ok', headers: JSON_TYPE }, 'ok'],
  ['a number as text', { body: '1' }, '1'],
  ['XML', { body: '<xml/>' }, '<xml/>'],
  [
    'SOAP',
    { body: '<?xml version="1.0"?><a>ok</a>', headers: { 'content-type': 'application/soap+xml' } },
    '<?xml version="1.0"?><a>ok</a>',
  ],
  ['HTML', { body: '<!doctype html><p>Thanks', headers: { 'content-type': 'text/html' } }, '<!doctype html><p>Thanks'],
  ['nothing', { body: '' }, null],
  ['nothing that is said to be JSON', { body: '', headers: JSON_TYPE }, null],
  ['blanks', { body: ' \r\n' }, null],
  ['a 201 without a body', { status: 201, body: '' }, null],
  ['a 202', { status: 202, body: { queued: true } }, { queued: true }],
  ['a 204', { status: 204, body: '' }, null],
  ['a 205', { status: 205, body: '' }, null],
  ['a 299', { status: 299, body: 'ok' }, 'ok'],
  ['JSON as text', { body: '{"a":1}' }, { a: 1 }],
  [
    'JSON with a type of its own',
    { body: '{"a":1}', headers: { 'content-type': 'application/vnd.api+json' } },
    { a: 1 },
  ],
  ['JSON behind a byte order mark', { body: '\ufeff{"a":1}', headers: JSON_TYPE }, { a: 1 }],
  ['a list', { body: [1, 'a'] }, [1, 'a']],
  ['null', { body: 'null', headers: JSON_TYPE }, null],
  ['a JSON number', { body: '5', headers: JSON_TYPE }, 5],
  ['a JSON text', { body: '"ok"', headers: JSON_TYPE }, 'ok'],
  ['half of JSON', { body: '{"a":', headers: JSON_TYPE }, '{"a":'],
  [
    'lines of JSON',
    { body: '{"a":1}\n{"a":2}\n', headers: { 'content-type': 'application/x-ndjson' } },
    '{"a":1}\n{"a":2}\n',
  ],
  ['gzip', coded('gzip', gzipSync('{"a":1}')), { a: 1 }],
  ['brotli', coded('br', brotliCompressSync('{"a":1}')), { a: 1 }],
  ['deflate', coded('deflate', deflateSync('{"a":1}')), { a: 1 }],
  ['deflate without its header', coded('deflate', deflateRawSync('{"a":1}')), { a: 1 }],
  ['gzip in gzip', coded('gzip, x-gzip', gzipSync(gzipSync('{"a":1}'))), { a: 1 }],
  ['what is not compressed but said to be', coded('gzip', Buffer.from('{"a":1}')), { a: 1 }],
  ['an identity coding', coded('identity', Buffer.from('{"a":1}')), { a: 1 }],
  ['an empty gzip', { ...coded('gzip', Buffer.alloc(0)) }, null],
  [
    'Latin-1',
    { body: Buffer.from(UMLAUTS, 'latin1'), headers: { 'content-type': 'text/plain; charset=ISO-8859-1' } },
    UMLAUTS,
  ],
  ['UTF-16', { body: Buffer.from(`\ufeff{"a":"${UMLAUTS}"}`, 'utf16le'), headers: JSON_TYPE }, { a: UMLAUTS }],
  [
    'UTF-8 in quotes',
    { body: `{"a":"${UMLAUTS}"}`, headers: { 'content-type': 'application/json; charset="UTF-8"' } },
    { a: UMLAUTS },
  ],
  [
    'a charset that is none',
    { body: `{"a":"${UMLAUTS}"}`, headers: { 'content-type': 'application/json; charset=utf8mb4' } },
    { a: UMLAUTS },
  ],
];

test('a 2xx is success after one call, whatever its body', async () => {
  for (const [what, said, body] of BODIES) assert.deepEqual(await judge(said), [body, 1], what);
  assert.deepEqual(await judge({ body: 'ok' }, 'json'), ['malformed_answer', 1]);
  assert.deepEqual(await judge({ body: '' }, 'json'), ['malformed_answer', 1]);
  assert.deepEqual(await judge({ body: { a: 1 } }, 'text'), ['{"a":1}', 1]);
});

test('a body that is not wanted may be anything, cut off or too long', async () => {
  for (const said of [
    { body: { a: 1 } },
    { body: '{"a":', isCut: true, headers: { ...JSON_TYPE, 'content-length': '100' } },
    { body: 'x'.repeat(1_100_000) },
    coded('gzip', Buffer.from('nonsense')),
  ])
    assert.deepEqual(await judge(said, 'ignored'), [null, 1]);
  assert.deepEqual(await judge({ status: 422, body: 'x'.repeat(100) }, 'ignored'), ['vendor_refused', 1]);
});

test('a body that grows beyond the bound when it is decompressed is refused', async () => {
  assert.deepEqual(await judge(coded('gzip', gzipSync(Buffer.alloc(20_000_000)))), ['answer_too_large', 1]);
});

const written = { status: 'COMPLETE', results: [{ id: '1' }] };
const PRESETS: [step: keyof typeof STEPS, failed: Said[], fine: unknown[]][] = [
  [
    'hubspot',
    [
      { status: 207, body: { results: [], numErrors: 1 } },
      { status: 207, body: { results: [{ id: '1' }], errors: [{ category: 'VALIDATION_ERROR' }] } },
      { status: 207, body: written },
      { body: { status: 'COMPLETE', results: [] } },
      { body: { ...written, numErrors: 2 } },
      { body: { ...written, errors: [{}] } },
      { body: { status: 'error', message: 'x' } },
    ],
    [
      written,
      { ...written, numErrors: 0, errors: [] },
      { id: '1', properties: {} },
      // A search that finds none.
      { total: 0, results: [] },
    ],
  ],
  [
    'salesforce',
    [
      {
        body: [
          { id: '1', success: true, errors: [] },
          { success: false, errors: [{ statusCode: 'X' }] },
        ],
      },
      { body: { hasErrors: true, results: [] } },
      { body: { compositeResponse: [{ httpStatusCode: 201 }, { httpStatusCode: 400, body: [] }] } },
      { body: { id: null, success: false, errors: [] } },
      { body: [{ actionName: 'emailSimple', isSuccess: false, errors: [{ statusCode: 'X' }] }] },
      { body: { graphs: [{ graphId: '1', isSuccessful: false, graphResponse: { compositeResponse: [] } }] } },
    ],
    [
      [{ id: '1', success: true, errors: [] }],
      { hasErrors: false, results: [] },
      { compositeResponse: [{ httpStatusCode: 201 }, { httpStatusCode: 204, body: null }] },
      { id: '1', success: true, errors: [] },
    ],
  ],
  [
    'graphql',
    [
      { body: { errors: [{ message: 'x' }] } },
      { body: { data: { a: 1 }, errors: [{ message: 'x' }] } },
      { body: { data: { create: { id: null, userErrors: [{ message: 'x' }] } } } },
      // Two mutations in a call, one of which has no such member.
      { body: { data: { tag: null, other: { id: 1 }, create: { userErrors: [{ message: 'x' }] } } } },
      { body: { data: { customerCreate: { customerUserErrors: [{ code: 'TAKEN' }] } } } },
      { body: { data: { issueCreate: { success: false } } } },
      { body: { error_code: 'InvalidBoardIdException', error_message: 'x', status_code: 200 } },
      { body: { errors: '[API] Invalid API key or access token' } },
    ],
    [
      { data: { issueCreate: { success: true } } },
      { data: { a: 1 } },
      { data: { a: 1 }, errors: [] },
      { data: { create: { id: 1, userErrors: [] } } },
    ],
  ],
  ['slack', [{ body: { ok: false, error: 'channel_not_found' } }], [{ ok: true, ts: '1' }]],
  [
    'mailchimp',
    [
      { body: { errors: [{ error: 'x' }], error_count: 1 } },
      { body: { error_count: 2 } },
      { body: [{ email: 'a@x.example', status: 'rejected', reject_reason: 'hard-bounce', _id: '1' }] },
    ],
    [
      { errors: [], error_count: 0, new_members: [] },
      [{ email: 'a@x.example', status: 'queued', reject_reason: null, _id: '1' }],
      { id: 'x', status: 'subscribed' },
    ],
  ],
];
for (const [step, failed, fine] of PRESETS) {
  test(`preset ${step} knows a 2xx that did not do all of it`, async () => {
    for (const said of failed)
      assert.deepEqual(await judge(said, step), ['answer_unexpected', 1], JSON.stringify(said));
    for (const body of fine) assert.deepEqual(await judge({ body }, step), [body, 1], JSON.stringify(body));
  });
}

test('a webhook of Slack that answers ok is fine for its preset', async () => {
  assert.deepEqual(await judge({ body: 'ok' }, 'slack'), ['ok', 1]);
});

test('a step says what is success, and which status is none of a failure', async () => {
  const body = { ok: false, items: [1] };
  assert.deepEqual(await judge({ body }, 'ok-is-not-false'), ['answer_unexpected', 1]);
  assert.deepEqual(await judge({ body }, 'asks-a-missing-member'), [body, 1]);
  assert.deepEqual(await judge({ body }, 'wants-items'), [body, 1]);
  for (const none of [{ items: [] }, {}, 'ok', []])
    assert.deepEqual(await judge({ body: none }, 'wants-items'), ['answer_unexpected', 1]);
  assert.deepEqual(await judge({ body }, 'wants-201'), ['answer_unexpected', 1]);
  assert.deepEqual(await judge({ body, headers: { 'X-Written': '1' } }, 'wants-a-header'), [body, 1]);
  assert.deepEqual(await judge({ body }, 'wants-a-header'), ['answer_unexpected', 1]);
  const exists = { status: 409, body: { category: 'CONFLICT' } };
  assert.deepEqual(await judge(exists), ['vendor_conflict', 1]);
  assert.deepEqual(await judge(exists, 'takes-409'), [exists.body, 1]);
  const member = { status: 400, body: { title: 'Member Exists' } };
  assert.deepEqual(await judge(member, 'takes-a-member'), [member.body, 1]);
  assert.deepEqual(await judge({ status: 400, body: { title: 'Invalid Resource' } }, 'takes-a-member'), [
    'answer_unexpected',
    1,
  ]);
});

// The last one, because the vendor's other calls slow down after it.
test('a limit that a vendor tells under a 200 is waited for, like one with its own status', async () => {
  const body = { errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED' } }] };
  const { code, calls } = await table.ask('graphql', (_call, number) =>
    number === 1 ? { body, headers: { 'retry-after-ms': '50' } } : { body: { data: { create: { id: 1 } } } },
  );
  assert.deepEqual([code, calls.length], [undefined, 2]);
});
