// Report 1, 200 with the text `ok`: slackapi/node-slack-sdk issues 477 and 501, slackapi/slack-github-action issue 671, jenkinsci/slack-plugin PR 620.
// Report 3, 2xx and nothing written: rudderlabs/rudder-transformer PRs 5167 and 5147, HubSpot/hubspot-api-php issue 619.
// Report 5, 409 for what exists: HubSpot/hubspot-api-python issue 51, fossasia/eventyay-hubspot issue 25.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TestPostgres } from '@pressferry/testing';
import { startWorld, testPostgres, vendorsYaml } from '../../services/enricher/test/world.ts';
import { type Said, startVendor } from './vendor.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

/** What one answer of an http step comes to, and after how many calls. */
async function judge(said: Said, step = '') {
  await using vendor = await startVendor(() => said);
  await using world = await startWorld(postgres);
  const automation = `
automations:
  - name: a
    on: [post.published]
    steps: [{ name: s, type: http, vendor: crm, path: /x, body: {} ${step} }]
    result: { body: { $value: steps.s.output.body } }
`;
  await world.start(`${vendorsYaml()}${automation}`, { CRM_BASE_URL: vendor.url });
  const { error, output } = await world.result(await world.send(), 'a');
  return [error?.code ?? output.body, vendor.calls.length];
}

test('a 2xx is success after one call, whatever its body', async () => {
  for (const [said, body] of [
    [{ body: 'ok' }, 'ok'],
    [{ body: '<xml/>' }, '<xml/>'],
    [{ body: '' }, null],
    [{ status: 204, body: '' }, null],
    [{ body: '{"a":1}' }, { a: 1 }],
    [{ body: '{"a":', headers: { 'content-type': 'application/json' } }, '{"a":'],
  ] as const)
    assert.deepEqual(await judge(said), [body, 1]);
  assert.deepEqual(await judge({ body: 'ok' }, ', answer: json'), ['malformed_answer', 1]);
  assert.deepEqual(await judge({ body: { a: 1 } }, ', answer: ignore'), [null, 1]);
});

test('a HubSpot batch that wrote nothing, or not all, is a failed step', async () => {
  const preset = ', preset: hubspot';
  assert.deepEqual(await judge({ status: 207, body: { results: [], numErrors: 1 } }, preset), ['answer_unexpected', 1]);
  assert.deepEqual(await judge({ body: { status: 'COMPLETE', results: [] } }, preset), ['answer_unexpected', 1]);
  const written = { status: 'COMPLETE', results: [{ id: '1' }] };
  assert.deepEqual(await judge({ body: written }, preset), [written, 1]);
});

test('a step says what is success, and which status is none of a failure', async () => {
  const body = { ok: false, items: [1] };
  assert.deepEqual(await judge({ body }, ", fail_if: 'body.ok == false'"), ['answer_unexpected', 1]);
  assert.deepEqual(await judge({ body }, ", fail_if: 'body.missing == 1'"), [body, 1]);
  assert.deepEqual(await judge({ body }, ", expect: 'status == 200 && size(body.items) > 0'"), [body, 1]);
  assert.deepEqual(await judge({ body }, ", expect: 'status == 201'"), ['answer_unexpected', 1]);
  const exists = { status: 409, body: { category: 'CONFLICT' } };
  assert.deepEqual(await judge(exists), ['vendor_conflict', 1]);
  assert.deepEqual(await judge(exists, ', ok_statuses: [409]'), [exists.body, 1]);
});
