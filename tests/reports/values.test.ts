// Report 14, integers beyond 2^53: n8n-io/n8n issues 14715 and 26925, brettlangdon/node-dogapi issue 16.
// Report 19, plain text with < and >, and lists: TYPO3-Solr/ext-solr issue 1541, ericnorris/striptags issue 77, QuackbackIO/quackback PR 222.
// Report 30, an empty value in a path: twentyhq/twenty issue 15801, equinixmetal-archive/packngo issue 307, olivere/elastic issue 84.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import type { TestPostgres } from '@pressferry/testing';
import { startWorld, testPostgres, vendorsYaml } from '../../services/enricher/test/world.ts';
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

test('a call whose path lacks its id is not made', async () => {
  await using world = await startWorld(postgres);
  await using vendor = await startVendor(() => ({ body: {} }));
  const steps =
    "[{ name: remove, type: http, vendor: crm, method: DELETE, path: '/contacts/{{ event.data.fields.contact_id }}' }]";
  await world.start(`${vendorsYaml()}\nautomations: [{ name: a, on: [form.submitted], steps: ${steps} }]`, {
    CRM_BASE_URL: vendor.url,
  });
  for (const fields of [{}, { contact_id: '' }, { contact_id: ' ' }, { contact_id: null }]) {
    const { error } = await world.result(await world.send({ type: 'form.submitted', data: { fields } }), 'a');
    assert.deepEqual(error, { code: 'template_failed', step: 'remove' });
  }
  assert.deepEqual(vendor.calls, []);
  assert.ok(world.log.some((line) => line.includes('"detail":"path is empty"')));
});
