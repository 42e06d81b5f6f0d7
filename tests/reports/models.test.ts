// Report 7, empty answers that say why: cynative/cynative issue 273, mudler/LocalAI PR 10448, OpenBMB/StaffDeck PR 29.
// Report 9, JSON behind thoughts or prose: msu-denver/bili-core issue 289, admonstrator/zettelrobbe issue 74, dcellison/kai issue 600.
// Report 11, other answers of models: vercel/ai issues 13703 and 8012.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TestPostgres } from '@pressferry/testing';
import { startWorld, testPostgres, vendorsYaml } from '../../services/enricher/test/world.ts';
import { completion, startVendor } from './vendor.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

/** What one answer comes to: the run's error or output, and how often the model was asked. */
async function ask(body: unknown, step: string, provider = 'openai-compatible') {
  await using vendor = await startVendor(() => ({ body }));
  await using world = await startWorld(postgres);
  const yaml = `${vendorsYaml().replace('openai-compatible', provider)}
automations:
  - name: ask
    on: [post.published]
    steps: [{ name: ask, type: llm, vendor: llm, prompt: 'Answer in JSON', ${step} }]
    result: { text: '{{ steps.ask.output.text }}', json: { $value: steps.ask.output.json } }
`;
  await world.start(yaml, { LLM_BASE_URL: `${vendor.url}/v1` });
  const { error, output } = await world.result(await world.send(), 'ask');
  return { code: error?.code, output, calls: vendor.calls.length };
}

const message = (content: unknown, stop_reason: string) => ({
  ...{ id: 'm', type: 'message', role: 'assistant', model: 'm', content, stop_reason, stop_sequence: null },
  usage: { input_tokens: 5, output_tokens: 2 },
});
const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } };

const USELESS: [what: string, code: string, body: unknown, provider?: string][] = [
  ['cut before the first word', 'answer_cut', completion('', 'length')],
  ['cut in the middle', 'answer_cut', completion('The new ferry sails', 'length')],
  ['filtered', 'answer_filtered', completion('', 'content_filter')],
  ['filtered in the middle', 'answer_filtered', completion('The new', 'content_filter')],
  ['a call of a tool', 'answer_tool_call', completion(null, 'tool_calls', { tool_calls: [call] })],
  ['a refusal', 'answer_refused', completion(null, 'stop', { refusal: 'I cannot help with that.' })],
  ['nothing', 'empty_answer', completion('', 'stop')],
  ['thoughts alone', 'empty_answer', completion('<think>Hm.</think>', 'stop')],
  ['a refusal of Anthropic', 'answer_refused', message([], 'refusal'), 'anthropic'],
  ['cut by Anthropic', 'answer_cut', message([{ type: 'text', text: 'The' }], 'max_tokens'), 'anthropic'],
];
for (const [what, code, body, provider] of USELESS) {
  test(`an answer that is ${what} is asked for once and says why`, async () => {
    const { calls, ...rest } = await ask(body, 'answer: text', provider);
    assert.deepEqual([rest.code, calls], [code, 1]);
  });
}

const READ: [what: string, text: unknown][] = [
  ['behind a block of thoughts', '<think>\nThey ask {"for"} JSON.\n</think>\n\n{"score":"hot"}'],
  ['in a fence, with prose around it', 'Here is the JSON:\n```json\n{"score":"hot"}\n```\nAnything else?'],
  ['behind thoughts and in a fence', '<think>x</think>```\n{"score":"hot"}\n```'],
  [
    'in parts',
    [
      { type: 'text', text: '{"score":' },
      { type: 'text', text: '"hot"}' },
    ],
  ],
];
for (const [what, text] of READ) {
  test(`JSON ${what} is read`, async () => {
    const { output, calls } = await ask(completion(text), 'answer: json');
    assert.deepEqual([output.json, calls], [{ score: 'hot' }, 1]);
  });
}

test('thoughts are not told to the site', async () => {
  const { output } = await ask(completion('<think>The user wants…</think>\n\nA ferry sails.'), 'answer: text');
  assert.equal(output.text, 'A ferry sails.');
});

test('JSON that was cut is not asked for again as it was', async () => {
  const { code, calls } = await ask(completion('{"score":', 'length'), 'answer: json');
  assert.deepEqual([code, calls], ['answer_cut', 1]);
});
