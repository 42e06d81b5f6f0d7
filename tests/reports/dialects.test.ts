// Report 8, JSON asked for without the word: mem0ai/mem0 issues 3559 and 3008, vectorize-io/hindsight PR 1368, agno-agi/agno PR 5317.
// Report 10, models that refuse max_tokens: anomalyco/opencode issue 37964, OpenHands/software-agent-sdk issue 1083, rcourtman/Pulse PR 1867.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TestPostgres } from '@pressferry/testing';
import { FORM, startWorld, testPostgres, vendorsYaml } from '../../services/enricher/test/world.ts';
import { type Call, completion, type Said, startVendor } from './vendor.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const RATE = (answer: string): string => `${vendorsYaml()}
automations:
  - name: rate
    on: [form.submitted]
    steps:
      - { name: rate, type: llm, vendor: llm, answer: ${answer}, prompt: 'Bewerte: {{ event.data.fields.message }}' }
    result: { score: { $value: steps.rate.output.${answer === 'json' ? 'json.score' : 'text'} } }
`;

interface Asked {
  max_tokens?: number;
  max_completion_tokens?: number;
  temperature?: number;
  response_format?: { type: string };
  messages: { content: string }[];
}

const refused = (message: string, param: string): Said => ({
  status: 400,
  body: { error: { message, type: 'invalid_request_error', param, code: 'unsupported_parameter' } },
});

/** Runs one event after the other at a vendor that answers as told. */
async function run(answer: (asked: Asked, call: Call) => Said, yaml: string, events: number) {
  await using vendor = await startVendor((call) => answer(JSON.parse(call.body) as Asked, call));
  await using world = await startWorld(postgres);
  await world.start(yaml, { LLM_BASE_URL: `${vendor.url}/v1` });
  const results = [];
  for (let event = 0; event < events; event++) results.push(await world.result(await world.send(FORM), 'rate'));
  return { results, calls: vendor.calls };
}

test('a model that asks for the word "json" in a message is told it, though the prompt has it not', async () => {
  const strict = ({ response_format, messages }: Asked): Said => {
    const isTold = messages.some(({ content }) => JSON.stringify(content).toLowerCase().includes('json'));
    if (response_format?.type === 'json_object' && !isTold)
      return refused("'messages' must contain the word 'json' in some form", 'messages');
    return { body: completion('{"score":"hot"}') };
  };
  const { results, calls } = await run(strict, RATE('json'), 1);
  assert.deepEqual([results[0]?.status, results[0]?.output], ['succeeded', { score: 'hot' }]);
  assert.equal(calls.length, 1);
});

test('a model that refuses max_tokens is asked with max_completion_tokens, at once, and from then on', async () => {
  const strict = ({ max_tokens, max_completion_tokens }: Asked): Said => {
    if (max_tokens !== undefined)
      return refused(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        'max_tokens',
      );
    return { body: completion(max_completion_tokens === 1_024 ? 'Fine.' : 'No bound.') };
  };
  const { results, calls } = await run(strict, RATE('text'), 2);
  for (const { status, output } of results) assert.deepEqual([status, output], ['succeeded', { score: 'Fine.' }]);
  assert.equal(calls.length, 3);
});
