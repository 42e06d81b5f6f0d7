// Report 8, JSON asked for without the word: mem0ai/mem0 issues 3559 and 3008, vectorize-io/hindsight PR 1368, agno-agi/agno PR 5317.
// Report 10, models that refuse max_tokens: anomalyco/opencode issue 37964, OpenHands/software-agent-sdk issue 1083, rcourtman/Pulse PR 1867.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TestPostgres } from '@pressferry/testing';
import { FORM, startWorld, testPostgres, vendorsYaml } from '../../services/enricher/test/world.ts';
import { startTable } from './table.ts';
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

/** What a vendor refuses, in its words, and of what; the answer that the step asks for. */
const REFUSALS: [what: string, error: unknown, refuses: (asked: Asked) => boolean, answer?: string][] = [
  [
    'max_tokens',
    'max_tokens is deprecated in favor of the max_completion_tokens field',
    ({ max_tokens: most }) => most !== undefined,
  ],
  [
    'max_completion_tokens (vLLM of old)',
    [{ type: 'extra_forbidden', loc: ['body', 'max_completion_tokens'], msg: 'Extra inputs are not permitted' }],
    ({ max_completion_tokens: most }) => most !== undefined,
  ],
  [
    'temperature, except for the default',
    { message: "Unsupported value: 'temperature' does not support 0.2 with this model.", param: 'temperature' },
    ({ temperature }) => temperature !== undefined,
  ],
  [
    'temperature (Moonshot)',
    { message: 'invalid temperature: only 1 is allowed for this model' },
    ({ temperature }) => temperature !== undefined,
  ],
  [
    'temperature (a server in Python)',
    "unexpected keyword argument 'temperature'",
    ({ temperature }) => temperature !== undefined,
  ],
  [
    'the role system',
    {
      message: "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
      param: 'messages[0].role',
    },
    (asked) => roleOf(asked) !== 'user',
  ],
  [
    'the role system (Gemma on vLLM)',
    { message: 'System role not supported' },
    (asked) => roleOf(asked) !== 'user',
    'json',
  ],
  [
    'instructions (Gemma at Google)',
    [{ error: { message: 'Developer instruction is not enabled for models/gemma-3' } }],
    (asked) => roleOf(asked) !== 'user',
  ],
  [
    'JSON mode (LM Studio)',
    "'response_format.type' must be 'json_schema' or 'text'",
    ({ response_format: format }) => format?.type === 'json_object',
    'json',
  ],
  [
    'JSON mode (DeepSeek)',
    { message: 'This response_format type is unavailable now' },
    ({ response_format: format }) => format !== undefined,
    'json',
  ],
  [
    'a schema (Groq)',
    { message: 'This model does not support response format `json_schema`.' },
    ({ response_format: format }) => format?.type === 'json_schema',
    'schema',
  ],
  [
    'a schema (an old version of Azure)',
    { message: 'response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later' },
    ({ response_format: format }) => format?.type === 'json_schema',
    'schema',
  ],
  [
    'a schema and JSON mode',
    { message: "Unknown parameter: 'response_format'.", param: 'response_format' },
    ({ response_format: format }) => format !== undefined,
    'schema',
  ],
];
const roleOf = ({ messages }: Asked): string => (messages[0] as { role?: string } | undefined)?.role ?? '';

test('what a model refuses is left out or said in another way, in the same attempt, and every instruction arrives', async () => {
  await using stack = new AsyncDisposableStack();
  const rows = REFUSALS.map(([, , , answer = 'text'], index) => {
    const form = answer === 'schema' ? '{ schema: { type: object, required: [score] } }' : answer;
    const prompts = "system: 'Be brief: rule 7.', prompt: 'Rate {{ event.data.title }}'";
    return [
      `row-${index}`,
      {
        step: `type: llm, vendor: llm, model: m-${index}, temperature: 0.2, ${prompts}, answer: ${form}`,
        result: "text: '{{ steps.s.output.text }}'",
      },
    ];
  });
  const table = stack.use(await startTable(postgres, Object.fromEntries(rows)));
  for (const [index, [what, error, refuses]] of REFUSALS.entries()) {
    const said = ({ body }: Call): Said =>
      refuses(JSON.parse(body)) ? { status: 400, body: { error } } : { body: completion('{"score":"hot"}') };
    const first = await table.ask(`row-${index}`, said);
    assert.deepEqual([first.code, first.output.text], [undefined, '{"score":"hot"}'], what);
    assert.ok(first.calls.length <= 3, what);
    assert.match(first.calls.at(-1)?.body ?? '', /rule 7/, what);
    // Learnt: the next call is right at once, except for what was never wrong.
    assert.equal((await table.ask(`row-${index}`, said)).calls.length, 1, what);
  }
});

test('a refusal that is about something else is final after one call', async () => {
  await using stack = new AsyncDisposableStack();
  const step = "type: llm, vendor: llm, temperature: 0.2, prompt: 'Rate {{ event.data.title }}'";
  const table = stack.use(await startTable(postgres, { ask: { step, result: '' } }));
  for (const message of [
    'max_tokens is too large: 100000. This model supports at most 16384 completion tokens.',
    "This model's maximum context length is 8192 tokens. Please reduce the length of the messages or completion.",
    'Invalid temperature: expected a number between 0 and 2.',
    'The image could not be read.',
  ]) {
    const { code, calls } = await table.ask('ask', { status: 400, body: { error: { message } } });
    assert.deepEqual([code, calls.length], ['vendor_refused', 1], message);
  }
});

test('a model that is missing gives way to the next one of its list, whatever the status', async () => {
  const gone: Said[] = [
    { status: 400, body: { error: { message: 'x has been decommissioned', code: 'model_decommissioned' } } },
    { status: 400, body: { error: { message: 'x is not a valid model ID', code: 400 } } },
    { status: 403, body: { error: { message: 'Project p does not have access to model x', code: 'model_not_found' } } },
  ];
  await using stack = new AsyncDisposableStack();
  const step = "type: llm, vendor: llm, model: [old, new], prompt: 'Rate {{ event.data.title }}'";
  const table = stack.use(await startTable(postgres, { ask: { step, result: "text: '{{ steps.s.output.model }}'" } }));
  for (const said of gone) {
    const { output } = await table.ask('ask', ({ body }) =>
      body.includes('"old"') ? said : { body: completion('Fine.') },
    );
    assert.equal(output.text, 'new', JSON.stringify(said));
  }
});

test('texts that a vendor filters with 403 do not hold up the others', async () => {
  await using stack = new AsyncDisposableStack();
  const step = "type: llm, vendor: llm, prompt: 'Rate {{ event.data.title }}'";
  const table = stack.use(await startTable(postgres, { ask: { step, result: "text: '{{ steps.s.output.text }}'" } }));
  const error = 'Content violates usage guidelines. Team: x, Failed check: SAFETY_CHECK_TYPE_BIO';
  for (let event = 0; event < 4; event++)
    assert.equal((await table.ask('ask', { status: 403, body: { code: 'x', error } })).code, 'answer_filtered');
  assert.equal((await table.ask('ask', { body: completion('Fine.') })).output.text, 'Fine.');
});
