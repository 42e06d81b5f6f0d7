// Report 7, empty answers that say why: cynative/cynative issue 273, mudler/LocalAI PR 10448, OpenBMB/StaffDeck PR 29.
// Report 9, JSON behind thoughts or prose: msu-denver/bili-core issue 289, admonstrator/zettelrobbe issue 74, dcellison/kai issue 600.
// Report 11, other answers of models: vercel/ai issues 13703 and 8012, vectorize-io/hindsight PR 1368.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { testPostgres, vendorsYaml } from '../../services/enricher/test/world.ts';
import { type Came, startTable, type Table } from './table.ts';
import { completion, type Said } from './vendor.ts';

const ask = (vendor: string, answer: string) => ({
  step: `type: llm, vendor: ${vendor}, prompt: 'Answer in JSON about {{ event.data.title }}', answer: ${answer}`,
  result: "text: '{{ steps.s.output.text }}', json: { $value: steps.s.output.json }",
});
const CLAUDE = `
  claude: { kind: llm, provider: anthropic, base_url_env: LLM_BASE_URL, api_key_env: LLM_API_KEY, model: m, retry: { base_ms: 20 } }
`;
const stack = new AsyncDisposableStack();
let table: Table;
before(async () => {
  const postgres = stack.use(await testPostgres());
  const rows = { text: ask('llm', 'text'), json: ask('llm', 'json'), claude: ask('claude', 'text') };
  table = stack.use(await startTable(postgres, rows, () => `${vendorsYaml()}${CLAUDE}`));
});
after(() => stack.disposeAsync());

const message = (content: unknown, stop_reason: string | null) => ({
  ...{ id: 'm', type: 'message', role: 'assistant', model: 'm', content, stop_reason, stop_sequence: null },
  usage: { input_tokens: 5, output_tokens: 2 },
});
const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } };
const parts = (...texts: string[]) => texts.map((text) => ({ type: 'text', text }));
const FILTERED = { hate: { filtered: true, severity: 'high' } };

const USELESS: [what: string, code: string, body: unknown, automation?: string][] = [
  ['cut before the first word', 'answer_cut', completion('', 'length')],
  ['cut in the middle', 'answer_cut', completion('The new ferry sails', 'length')],
  ['cut, as Google says it', 'answer_cut', completion('The', 'MAX_TOKENS')],
  ['cut, as Mistral says it', 'answer_cut', completion('The', 'model_length')],
  ['cut while it thinks', 'answer_cut', completion('', 'length', { reasoning_content: 'They want' })],
  ['filtered', 'answer_filtered', completion('', 'content_filter')],
  ['filtered in the middle', 'answer_filtered', completion('The new', 'content_filter')],
  ['filtered by Google', 'answer_filtered', completion(null, 'SAFETY')],
  ['filtered by Google, in other words', 'answer_filtered', completion(null, 'content_filter: PROHIBITED_CONTENT')],
  ['filtered for what it repeats', 'answer_filtered', completion('Once', 'recitation')],
  ['filtered by Zhipu', 'answer_filtered', completion('', 'sensitive')],
  [
    'none because Azure filters the prompt',
    'answer_filtered',
    { choices: [], prompt_filter_results: [{ prompt_index: 0, content_filter_results: FILTERED }] },
  ],
  ['filtered by Google’s Model Armor', 'answer_filtered', completion('', 'MODEL_ARMOR')],
  ['filtered by MiniMax', 'answer_filtered', { choices: null, base_resp: { status_code: 1027, status_msg: 'x' } }],
  ['cut by Watsonx', 'answer_cut', completion('The', 'token_limit')],
  ['broken, as Amazon says', 'malformed_answer', completion('The', 'malformed_model_output')],
  ['a call of a tool', 'answer_tool_call', completion(null, 'tool_calls', { tool_calls: [call] })],
  ['a call of a tool that ends as a text', 'answer_tool_call', completion('', 'stop', { tool_calls: [call] })],
  ['a call of a function', 'answer_tool_call', completion(null, 'function_call')],
  ['a refusal', 'answer_refused', completion(null, 'stop', { refusal: 'I cannot help with that.' })],
  ['a refusal as a part', 'answer_refused', completion([{ type: 'refusal', refusal: 'I cannot.' }])],
  ['nothing', 'empty_answer', completion('')],
  ['blanks', 'empty_answer', completion(' \n\t')],
  ['no part', 'empty_answer', completion([])],
  ['thoughts alone', 'empty_answer', completion('<think>Hm.</think>')],
  ['thoughts without an end', 'empty_answer', completion('<think>Hm. They want')],
  ['without a choice', 'malformed_answer', { choices: [] }],
  ['of another API', 'malformed_answer', { output: [{ type: 'message' }] }],
  ['null', 'malformed_answer', 'null'],
  ['a list', 'malformed_answer', []],
  ['a refusal of Anthropic', 'answer_refused', message([], 'refusal'), 'claude'],
  ['a refusal of Anthropic in the middle', 'answer_refused', message(parts('The'), 'refusal'), 'claude'],
  ['cut by Anthropic', 'answer_cut', message(parts('The'), 'max_tokens'), 'claude'],
  ['cut by its context', 'answer_cut', message(parts('The'), 'model_context_window_exceeded'), 'claude'],
  ['paused', 'answer_cut', message(parts('The'), 'pause_turn'), 'claude'],
  ['a call of a tool by Anthropic', 'answer_tool_call', message([{ type: 'tool_use' }], 'tool_use'), 'claude'],
  ['thoughts of Anthropic alone', 'empty_answer', message([{ type: 'thinking', thinking: 'x' }], 'end_turn'), 'claude'],
];
for (const [what, code, body, automation = 'text'] of USELESS) {
  test(`an answer that is ${what} is asked for once and says why`, async () => {
    const came = await table.ask(automation, { body });
    assert.deepEqual([came.code, came.calls.length], [code, 1]);
  });
}

const HOT = '{"score":"hot"}';
const READ: [what: string, content: unknown][] = [
  ['behind a block of thoughts', `<think>\nThey ask {"for"} JSON.\n</think>\n\n${HOT}`],
  ['behind two blocks of thoughts', `<think>a</think>\n<think>b</think>${HOT}`],
  ['behind thoughts in thoughts', `<think>a <think>b</think> c</think>${HOT}`],
  ['behind thoughts in capitals', `<THINK>a</THINK>${HOT}`],
  ['behind thoughts that only end', `They ask for JSON.\n</think>\n${HOT}`],
  ['behind thoughts of Magistral', `[THINK]a[/THINK]${HOT}`],
  [
    'behind channels of gpt-oss',
    `<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>${HOT}`,
  ],
  [
    'behind channels that begin with their role',
    `<|start|>assistant<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>${HOT}<|return|>`,
  ],
  ['behind channels without their signs', `analysisThey want JSON.assistantfinal${HOT}`],
  [
    'behind thoughts of OpenThinker',
    `<|begin_of_thought|>a<|end_of_thought|><|begin_of_solution|>${HOT}<|end_of_solution|>`,
  ],
  ['behind thoughts of Cohere', `<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>${HOT}<|END_RESPONSE|>`],
  ['in a box of GLM', `<|begin_of_box|>${HOT}<|end_of_box|>`],
  ['in an answer behind thoughts', `<think>a</think>\n<answer>${HOT}</answer>`],
  ['before the sign of a turn’s end', `${HOT}<|im_end|>`],
  ['before other signs of an end', `${HOT}\n</s><｜end▁of▁sentence｜>`],
  ['in a fence, with prose around it', `Here is the JSON:\n\`\`\`json\n${HOT}\n\`\`\`\nAnything else?`],
  ['behind thoughts and in a fence', `<think>x</think>\`\`\`\n${HOT}\n\`\`\``],
  ['in a fence of tildes', `~~~json\n${HOT}\n~~~`],
  ['in a fence with Windows lines', `\`\`\`json\r\n${HOT}\r\n\`\`\`\r\n`],
  ['in a fence without an end', `\`\`\`json\n${HOT}`],
  ['in a fence of one line', `It is \`\`\`${HOT}\`\`\`.`],
  ['in one of two fences', `\`\`\`json\n${HOT}\n\`\`\`\nRead it with\n\`\`\`py\nload(x)\n\`\`\``],
  ['behind a byte order mark and blanks', `\ufeff\u00a0\n${HOT}\u00a0`],
  ['in parts', parts('{"score":', '"hot"}')],
  ['in parts with thoughts', [{ type: 'thinking', thinking: [] }, ...parts(HOT)]],
];
for (const [what, content] of READ) {
  test(`JSON ${what} is read`, async () => {
    const { output, calls } = await table.ask('json', { body: completion(content) });
    assert.deepEqual([output.json, calls.length], [{ score: 'hot' }, 1]);
  });
}

test('JSON that holds a fence is read from its own fence', async () => {
  const { output } = await table.ask('json', { body: completion('```json\n{"code":"```js\\nx()\\n```"}\n```') });
  assert.deepEqual(output.json, { code: '```js\nx()\n```' });
});

test('what is not JSON is refused after one call, and is not repaired by guesses', async () => {
  for (const text of ['{"a":1,}', '{"a":NaN}', '{"a":1} // yes', "{'a':1}", `Sure: ${HOT}`, `${HOT}\n${HOT}`]) {
    const { code, calls } = await table.ask('json', { body: completion(text) });
    assert.deepEqual([code, calls.length], ['malformed_answer', 1], text);
  }
  const { code, calls } = await table.ask('json', { body: completion('{"score":', 'length') });
  assert.deepEqual([code, calls.length], ['answer_cut', 1]);
});

test('thoughts are not told to the site, and a text about their tag stays whole', async () => {
  const told = async (content: unknown): Promise<unknown> =>
    (await table.ask('text', { body: completion(content) })).output.text;
  assert.equal(await told('<think>The user wants…</think>\n\nA ferry sails.'), 'A ferry sails.');
  assert.equal(await told('A ferry sails.<|eot_id|>'), 'A ferry sails.');
  for (const kept of [
    'analysis of the harbour: assistantfinal is a word',
    'Write <answer> tags',
    '<answer>7</answer>',
    'a </s> b',
  ])
    assert.equal(await told(kept), kept);
  const about = 'R1 writes <think>…</think> before it answers.';
  assert.equal(await told(about), about);
});

/** Answers once with an error and then as it should; the wait between is that of the error. */
async function recovers(first: Said): Promise<Came> {
  return table.ask('text', (_call, number) => (number === 1 ? first : { body: completion('Fine.') }));
}

test('an error in a 200 is what it says, whatever its form', async () => {
  for (const error of [
    'Internal error',
    ['Internal error'],
    { message: 'Provider returned error', code: 502 },
    [{ code: 'server_error' }],
    true,
  ]) {
    const { output, calls } = await recovers({ body: { error } });
    assert.deepEqual([output.text, calls.length], ['Fine.', 2], JSON.stringify(error));
  }
  // Gateways' own forms.
  for (const body of [
    { code: 503, message: 'no channel' },
    { success: false, errors: [{ code: 7000, message: 'x' }] },
  ])
    assert.equal((await recovers({ body })).output.text, 'Fine.', JSON.stringify(body));
  for (const reason of ['error', 'abort', 'insufficient_system_resource'])
    assert.equal((await recovers({ body: completion('The', reason) })).output.text, 'Fine.', reason);
  for (const body of [
    { error: 'model "m" not found' },
    { error: { code: 'model_not_found' } },
    { error: [{ type: 'invalid_request_error' }] },
    { object: 'error', message: 'too long', type: 'BadRequestError', code: 400 },
  ]) {
    const { code, calls } = await table.ask('text', { body });
    assert.deepEqual([code, calls.length], ['vendor_refused', 1], JSON.stringify(body));
  }
});

test('an error of MiniMax is one, and its 0 is none', async () => {
  const busy = await recovers({
    body: { choices: null, base_resp: { status_code: 1000, status_msg: 'unknown error' } },
  });
  assert.deepEqual([busy.output.text, busy.calls.length], ['Fine.', 2]);
  const fine = { ...completion('Fine.'), base_resp: { status_code: 0, status_msg: '' } };
  assert.equal((await table.ask('text', { body: fine })).output.text, 'Fine.');
});

test('an error that is none does not spoil an answer', async () => {
  for (const error of [null, false, '', {}, []])
    assert.equal((await table.ask('text', { body: { ...completion('Fine.'), error } })).output.text, 'Fine.');
});

const streamed = (events: unknown[]): Said => ({
  headers: { 'content-type': 'text/event-stream' },
  body: `: hello\n\n${[...events.map((event) => JSON.stringify(event)), '[DONE]'].map((data) => `data: ${data}\n\n`).join('')}`,
});
const chunk = (delta: object, finish_reason: string | null = null) => ({ choices: [{ delta, finish_reason }] });

test('a stream that was not asked for is read as the answer that it is', async () => {
  const said = [
    chunk({ role: 'assistant', content: '' }),
    chunk({ content: 'A ferry' }),
    chunk({ content: ' sails.' }),
  ];
  const whole = await table.ask('text', streamed([...said, chunk({}, 'stop')]));
  assert.deepEqual([whole.output.text, whole.calls.length], ['A ferry sails.', 1]);
  const cut = await table.ask('text', streamed(said));
  assert.deepEqual([cut.code, cut.calls.length], ['answer_cut', 1]);
  const events = [
    { type: 'message_start', message: { usage: { input_tokens: 5, output_tokens: 1 } } },
    { type: 'content_block_delta', delta: { type: 'text_delta', text: 'A ferry.' } },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } },
  ];
  assert.equal((await table.ask('claude', streamed(events))).output.text, 'A ferry.');
});

test('an answer behind comments, after many blank lines, or over several lines of a stream is read once', async () => {
  const chunks = chunk({ content: 'A ferry.' }, 'stop');
  for (const body of [
    `: PROCESSING\n\n: PROCESSING\n\n${JSON.stringify(completion('A ferry.'))}`,
    `${'\n'.repeat(300)}data: ${JSON.stringify(chunks)}\n\ndata: [DONE]\n\n`,
    `data: ${JSON.stringify(chunks, null, 1).replaceAll('\n', '\ndata: ')}\n\n`,
    `data: ${JSON.stringify(chunk({ content: 'A ' }))}\ndata: ${JSON.stringify(chunk({ content: 'ferry.' }, 'stop'))}\n`,
  ]) {
    const { output, calls } = await table.ask('text', { body, headers: { 'content-type': 'text/event-stream' } });
    assert.deepEqual([output.text, calls.length], ['A ferry.', 1], body.slice(-80));
  }
  assert.deepEqual((await table.ask('json', { body: completion({ score: 'hot' }) })).output.json, { score: 'hot' });
});

test('ends by which vendors say that all is well are taken as such', async () => {
  for (const reason of ['stop', 'STOP', 'eos', 'eos_token', 'COMPLETE', 'stop_sequence', null])
    assert.equal((await table.ask('text', { body: completion('Fine.', reason as string) })).output.text, 'Fine.');
});
