// Report 14, integers beyond 2^53: n8n-io/n8n issues 14715 and 26925, brettlangdon/node-dogapi issue 16.
// Report 19, plain text with < and >, and lists: TYPO3-Solr/ext-solr issue 1541, ericnorris/striptags issue 77, QuackbackIO/quackback PR 222.
// Report 30, an empty value in a path: twentyhq/twenty issue 15801, equinixmetal-archive/packngo issue 307, olivere/elastic issue 84.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import type { TestPostgres } from '@pressferry/testing';
import { FORM, startWorld, testPostgres, vendorsYaml, type World } from '../../services/enricher/test/world.ts';
import { completion, startVendor } from './vendor.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const DEMO = new URL('../../config/automations/demo.yaml', import.meta.url);

test('a 64-bit id keeps its digits from the event and from one vendor to the next one and to the site', async () => {
  const text = `{"id":9007199254740993,"more":[12345678901234567891]}`;
  await using vendor = await startVendor(() => ({ body: text, headers: { 'content-type': 'application/json' } }));
  await using world = await startWorld(postgres);
  const automation = `
automations:
  - name: note
    on: [form.submitted]
    steps:
      - { name: contact, type: http, vendor: crm, path: '/leads/{{ event.data.fields.lead_id }}', body: { lead: { $value: event.data.fields.lead_id } } }
      - { name: note, type: http, vendor: crm, path: '/contacts/{{ steps.contact.output.body.id }}/notes', body: { all: { $value: steps.contact.output.body } } }
    result: { id: { $value: steps.contact.output.body.id }, text: 'no. {{ steps.contact.output.body.id }}' }
`;
  await world.start(`${vendorsYaml()}${automation}`, { CRM_BASE_URL: vendor.url });
  const request = await world.send({ type: 'form.submitted', json: '{"fields":{"lead_id":12345678901234567891}}' });
  const result = await world.resultText(request, 'note');
  assert.ok(result.includes('"output":{"id":9007199254740993,"text":"no. 9007199254740993"}'), result);
  assert.deepEqual(
    vendor.calls.map(({ url, body }) => [url, body]),
    [
      ['/leads/12345678901234567891', '{"lead":12345678901234567891}'],
      ['/contacts/9007199254740993/notes', `{"all":${text}}`],
    ],
  );
});

test('two events of one key that differ in the last digit of a long number are two events', async () => {
  await using world = await startWorld(postgres);
  const steps = '[{ name: one, type: http, vendor: crm, path: /http/echo, body: {} }]';
  await world.start(`${vendorsYaml()}\nautomations: [{ name: a, on: [form.submitted], steps: ${steps} }]`);
  const key = randomUUID();
  const send = (id: string) => world.send({ key, type: 'form.submitted', json: `{"fields":{"lead_id":${id}}}` });
  const request = await send('9007199254740992');
  await world.result(request, 'a');
  await send('9007199254740993');
  const [letter] = await world.deadLetters(1);
  assert.equal(letter?.reason, 'idempotency_conflict');
});

test('the shipped automation takes plain text as it is, and one address of a list', async () => {
  await using vendor = await startVendor(({ url }) => ({
    body: url.endsWith('/chat/completions') ? completion('hot: asks') : { results: [{ id: '1', new: true }] },
  }));
  await using world = await startWorld(postgres);
  await world.start(await readFile(DEMO, 'utf8'), { LLM_BASE_URL: `${vendor.url}/v1`, CRM_BASE_URL: vendor.url });
  const fields = {
    message: 'Budget <5000 EUR, team >10 people; write to a <b@x.example> c',
    email: ['A@x.example', 'b@x.example'],
    topics: ['Prices', 'Support'],
  };
  const request = await world.send({ type: 'form.submitted', data: { form_id: '7', fields } });
  assert.equal((await world.result(request, 'lead-to-crm')).status, 'succeeded');
  const [score, contact] = vendor.calls.map(({ body }) => JSON.parse(body));
  assert.ok(score.messages[1].content.includes(fields.message), score.messages[1].content);
  assert.equal(contact.inputs[0].id, 'a@x.example');
  assert.equal(contact.inputs[0].properties.email, 'a@x.example');
});

test('a customer who gives no name keeps the one that the CRM has', async () => {
  await using vendor = await startVendor(() => ({ body: '{"results":[{"id":"1","new":false}]}' }));
  await using world = await startWorld(postgres);
  await world.start(await readFile(DEMO, 'utf8'), { LLM_BASE_URL: vendor.url, CRM_BASE_URL: vendor.url });
  const customer = { id: 0, email: 'Ada@Example.com', first_name: 'Ada', last_name: '', company: '' };
  const request = await world.send({ type: 'order.paid', data: { order_id: 7, customer } });
  await world.result(request, 'order-to-crm');
  const [input] = JSON.parse(vendor.calls[0]?.body ?? '{}').inputs;
  assert.deepEqual(input.properties, { email: 'ada@example.com', firstname: 'Ada', lifecyclestage: 'customer' });
});

const CALLS: Record<string, string> = {
  path: "method: DELETE, path: '/contacts/{{ event.data.fields.v }}'",
  query: "method: GET, path: '/contacts?id={{ event.data.fields.v }}'",
  header: "path: /x, headers: { X-Contact: '{{ event.data.fields.v }}' }",
  id: "path: /x, body: { inputs: [{ id: '{{ event.data.fields.v }}' }] }",
  'id-value': 'path: /x, body: { contactId: { $value: event.data.fields.v } }',
  'id-capitals': "path: /x, body: { ID: '{{ event.data.fields.v }}' }",
  hubspot: "id: '{{ event.data.fields.v | one }}'",
};

/** Starts automations of one call each, by name. */
async function startCalls(world: World, url: string): Promise<void> {
  const automations = Object.entries(CALLS).map(
    ([name, call]) =>
      `  - { name: ${name}, on: [form.submitted], when: { data.form_id: ${name} }, steps: [{ name: s, vendor: crm, type: ${name === 'hubspot' ? name : 'http'}, ${call} }] }`,
  );
  await world.start(`${vendorsYaml()}\nautomations:\n${automations.join('\n')}\n`, { CRM_BASE_URL: url });
}

const EMPTY = [
  'null',
  '""',
  '" "',
  '"\\u00a0"',
  '"\\u200b"',
  '"\\u0000"',
  '[]',
  '{}',
  '["",""]',
  '[null]',
  '[{}]',
  '"\\ufeff"',
];

test('a call whose path, query, header or id lacks its value is not made', async () => {
  await using world = await startWorld(postgres);
  await using vendor = await startVendor(() => ({ body: {} }));
  await startCalls(world, vendor.url);
  const sent = Object.keys(CALLS).flatMap((name) => [
    { name, json: `{"form_id":"${name}","fields":{}}` },
    ...EMPTY.map((value) => ({ name, json: `{"form_id":"${name}","fields":{"v":${value}}}` })),
  ]);
  const requests = await Promise.all(
    sent.map(async ({ name, json }) => ({ name, json, request: await world.send({ type: 'form.submitted', json }) })),
  );
  for (const { name, json, request } of requests)
    assert.deepEqual((await world.result(request, name)).error, { code: 'template_failed', step: 's' }, json);
  assert.deepEqual(vendor.calls, []);
  assert.ok(world.log.some((line) => line.includes('"detail":"path is empty"')));
});

const KEPT: [call: string, value: string, seen: string][] = [
  ['path', '12345678901234567891', '/contacts/12345678901234567891'],
  ['path', '"a/../b"', '/contacts/a%2F..%2Fb'],
  ['path', '"%2F.."', '/contacts/%252F..'],
  ['path', '"?x=1#y"', '/contacts/%3Fx%3D1%23y'],
  ['path', '0', '/contacts/0'],
  ['path', '"\\ud83d\\ude00"', '/contacts/%F0%9F%98%80'],
  ['query', '"a&id=b"', '/contacts?id=a%26id%3Db'],
  ['header', '"a\\r\\nx-evil: 1"', 'a  x-evil: 1'],
  // Its UTF-8, as servers read headers byte by byte.
  ['header', '"Schöner Titel 🚢"', Buffer.from('Schöner Titel 🚢').toString('latin1')],
  ['id', '123456789.123456789', '{"inputs":[{"id":"123456789.123456789"}]}'],
  ['id', '["a",""]', '{"inputs":[{"id":"a"}]}'],
  ['id-value', '-9007199254740993', '{"contactId":-9007199254740993}'],
  [
    'id-value',
    '{"__proto__":{"x":1},"constructor":2,"toString":3,"toLiquid":4}',
    '{"contactId":{"__proto__":{"x":1},"constructor":2,"toString":3,"toLiquid":4}}',
  ],
];

test('a value keeps its form and its place, whatever it is', async () => {
  await using world = await startWorld(postgres);
  await using vendor = await startVendor(() => ({ body: {} }));
  await startCalls(world, vendor.url);
  for (const [call, value, seen] of KEPT) {
    const json = `{"form_id":"${call}","fields":{"v":${value}}}`;
    const result = await world.result(await world.send({ type: 'form.submitted', json }), call);
    assert.equal(result.status, 'succeeded', value);
    const { url, headers, body } = vendor.calls.at(-1) ?? assert.fail('no call');
    const sent = { path: url, query: url, header: headers['x-contact'] }[call] ?? body;
    assert.equal(sent, seen, value);
    assert.equal(headers['x-evil'], undefined);
  }
  for (const value of ['".."', '"."']) {
    const json = `{"form_id":"path","fields":{"v":${value}}}`;
    const result = await world.result(await world.send({ type: 'form.submitted', json }), 'path');
    assert.equal(result.error?.code, 'template_failed', value);
  }
});

test('what a vendor answers reaches the next one and the site in a form that all can read', async () => {
  const odd = '{"\\ud800":"\\udc00 \\u2028 \\u0000","__proto__":{"x":1},"constructor":2,"n":1e400,"toJSON":3}';
  const seen = '{"�":"�   \\u0000","__proto__":{"x":1},"constructor":2,"n":1e400,"toJSON":3}';
  await using vendor = await startVendor(() => ({ body: odd, headers: { 'content-type': 'application/json' } }));
  await using world = await startWorld(postgres);
  const automation = `
automations:
  - name: a
    on: [form.submitted]
    steps:
      - { name: one, type: http, vendor: crm, path: /one, body: {} }
      - { name: two, type: http, vendor: crm, path: /two, body: { $value: steps.one.output.body } }
    result: { body: { $value: steps.two.output.body } }
`;
  await world.start(`${vendorsYaml()}${automation}`, { CRM_BASE_URL: vendor.url });
  const result = await world.resultText(await world.send(FORM), 'a');
  assert.equal(vendor.calls[1]?.body, seen);
  assert.ok(result.includes(`"output":{"body":${seen}}`), result);
});

test('a condition compares every digit of a long number', async () => {
  await using world = await startWorld(postgres);
  await using vendor = await startVendor(() => ({ body: '{"id":9007199254740993}' }));
  const step = "{ name: s, type: http, vendor: crm, path: /x, body: {}, expect: 'body.id == 9007199254740993' }";
  const automation = `{ name: a, on: [form.submitted], when: 'event.data.fields.v == 9007199254740993', steps: [${step}] }`;
  await world.start(`${vendorsYaml()}\nautomations: [${automation}]`, { CRM_BASE_URL: vendor.url });
  await world.send({ type: 'form.submitted', json: '{"fields":{"v":9007199254740992}}' });
  const request = await world.send({ type: 'form.submitted', json: '{"fields":{"v":9007199254740993}}' });
  assert.equal((await world.result(request, 'a')).status, 'succeeded');
  assert.equal(vendor.calls.length, 1);
});

test('a result that cannot be rendered from what a visitor wrote is a failure, not one tried for ever', async () => {
  await using world = await startWorld(postgres);
  await using vendor = await startVendor(() => ({ body: {} }));
  const automation = (name: string, text: string) =>
    `{ name: ${name}, on: [form.submitted], steps: [{ name: s, type: http, vendor: crm, path: /x, body: {} }], result: { text: '${text}' } }`;
  const filters = [
    automation('decoded', '{{ event.data.fields.v | url_decode }}'),
    automation('counted', '{{ event.data.fields.id | plus: 1 }}'),
  ];
  await world.start(`${vendorsYaml()}\nautomations: [${filters.join(', ')}]`, { CRM_BASE_URL: vendor.url });
  const request = await world.send({ type: 'form.submitted', json: '{"fields":{"v":"100 %","id":9007199254740993}}' });
  for (const name of ['decoded', 'counted'])
    assert.equal((await world.result(request, name)).error?.code, 'template_failed', name);
});
