// Report 12, masking eats ordinary prose: traycerai/traycer PR 847 (review thread), NousResearch/hermes-agent issue 72774.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { maskText } from '@pressferry/masking';
import type { TestPostgres } from '@pressferry/testing';
import { FORM, startWorld, testPostgres, vendorsYaml } from '../../services/enricher/test/world.ts';
import { completion, startVendor } from './vendor.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const TEXT =
  'It explains the basic principles of harbour work, gives basic information and links /sk-winter-jacket-blue-xl/. A Basic subscription, a bearer certificate: write to ada@example.com, +49 151 23456789.';

test('prose, slugs and names of courses are shown as they are', () => {
  for (const text of [
    'It explains the basic principles of harbour work, gives basic information, and links /sk-winter-jacket-blue-xl/',
    'Our basic membership costs 5. A Basic subscription, a bearer certificate.',
    'Basic sailing-course',
    'sk-2024-summer-01 /pat-testing-appliances/',
  ])
    assert.equal(maskText(text), text);
});

const AUTOMATION = `
automations:
  - name: summarise
    on: [form.submitted]
    steps:
      - { name: summary, type: llm, vendor: llm, prompt: 'Sum up' }
      - { name: note, type: http, vendor: crm, path: /notes, body: { text: '{{ steps.summary.output.text }}' } }
    result: { text: '{{ steps.summary.output.text }}' }
`;

test('what a vendor says reaches the next step and the site as it said it', async () => {
  await using vendor = await startVendor(({ url }) => ({ body: url === '/notes' ? {} : completion(TEXT) }));
  await using world = await startWorld(postgres);
  const env = { LLM_BASE_URL: vendor.url, CRM_BASE_URL: vendor.url };
  await world.start(`${vendorsYaml()}${AUTOMATION}`, env);
  const result = await world.result(await world.send(FORM), 'summarise');
  assert.equal(result.output.text, TEXT);
  assert.deepEqual(JSON.parse(vendor.calls[1]?.body ?? ''), { text: TEXT });
});
