import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TestPostgres } from '@pressferry/testing';
import { startWorld, testPostgres, vendorsYaml } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const CHAIN = `${vendorsYaml()}
automations:
  - name: chain
    on: [post.published]
    steps:
      - { name: one, type: http, vendor: crm, path: /http/echo, on_error: { fallback: { id: from-one } } }
      - { name: two, type: http, vendor: crm, path: /http/echo, body: { id: '{{ steps.one.output.id }}' }, on_error: { fallback: { id: from-two } } }
      - { name: three, type: transform, on_error: continue, value: { id: { $cel: steps.two.output.missing } } }
      - { name: four, type: http, vendor: crm, path: /http/echo, body: { id: '{{ steps.two.output.id }}' }, on_error: ON_ERROR }
    result: { two: { $value: steps.two.output.id }, three: { $value: steps.three.output.error.code }, four: { $value: steps.four.output.id } }
`;

test('steps that fail one after the other each give their own fallback, which the next ones read', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ echo: [{ status: 400, times: 3 }] });
  await world.start(CHAIN.replace('ON_ERROR', '{ fallback: { id: from-four } }'));
  const { status, output } = await world.result(await world.send(), 'chain');
  assert.deepEqual([status, output], ['succeeded', { two: 'from-two', three: 'template_failed', four: 'from-four' }]);
  assert.equal(world.vendors.ledger().calls, 3);
});

test('a step without a fallback after ones that had theirs ends the run with its own reason', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ echo: [{ status: 400, times: 3 }] });
  await world.start(CHAIN.replace('ON_ERROR', 'fail'));
  const { status, error } = await world.result(await world.send(), 'chain');
  assert.deepEqual([status, error?.code], ['failed', 'vendor_refused']);
});

test('models are asked in turn, the list ends with the last one, and then the fallback of the step is taken', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ status: 404, times: 3 }] });
  await world.start(`${vendorsYaml()}
automations:
  - name: asked
    on: [post.published]
    steps: [{ name: ask, type: llm, vendor: llm, model: [a, b, a], prompt: hi, on_error: { fallback: { text: none } } }]
    result: { text: '{{ steps.ask.output.text }}' }
`);
  const { status, output } = await world.result(await world.send(), 'asked');
  assert.deepEqual([status, output.text, world.vendors.ledger({ endpoint: 'chat' }).calls], ['succeeded', 'none', 3]);
});
