import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createKeyring, eventBodyContext } from '@pressferry/runtime';
import { compileAutomation, type LlmStep } from '../src/automations/compile.ts';
import { fileSchema } from '../src/automations/schema.ts';
import { type LlmVendor, resolveVendor } from '../src/automations/vendors.ts';
import { createContent } from '../src/content/content.ts';
import type { CallOutcome } from '../src/model.ts';
import { outputContext } from '../src/model.ts';
import { freeSpend } from '../src/spend/spend.ts';
import { callVendor } from '../src/vendors/call.ts';
import { createDialects } from '../src/vendors/dialect.ts';
import { UNRATED } from '../src/vendors/rates.ts';
import { createTransport, MAX_ANSWER_BYTES } from '../src/vendors/transport.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SEALING_KEYS = `k1:${Buffer.alloc(32, 7).toString('base64')}`;
const keyring = createKeyring(SEALING_KEYS);
const REQUEST = '0c1f2f6e-6d5b-5d43-8f51-5d6b7f6d1a11';
const EVENT = { occurred_at: '2026-11-24T05:00:00Z', data: { title: 'Harbour' } };
const RUN = {
  run_id: '5d1f2f6e-6d5b-5d43-8f51-5d6b7f6d1a11',
  request_id: REQUEST,
  site_id: 'site-a',
  event_type: 'post.published',
  automation: 'a',
  object_ref: '1',
  sealed_body: keyring.seal(JSON.stringify(EVENT), eventBodyContext(REQUEST)),
  steps: [{ name: 'summary', position: 0, sealed_output: null }],
  traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
};

interface Seen {
  url: string;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
}
type Respond = (response: ServerResponse) => void;

/** Makes one call of an llm step at a server that answers with `respond`. */
async function call(settings: Record<string, unknown>, step: Record<string, unknown>, respond: Respond) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString('utf8');
    seen.push({ url: request.url ?? '', headers: request.headers, body: JSON.parse(body) });
    respond(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await using transport = createTransport();
  await using content = createContent({ sealingKeys: SEALING_KEYS, secrets: () => [] });
  try {
    const base_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    const vendor = vendorOf({ base_url, ...settings });
    const signal = new AbortController().signal;
    const deps = {
      transport,
      content,
      dialects: createDialects(),
      spend: freeSpend,
      rated: () => UNRATED,
      vendors: new Map([['llm', vendor]]),
      signal,
      isHeld: () => true,
    };
    const outcome = await callVendor(stepOf(step), RUN, 0, deps);
    return { outcome: opened(outcome), seen };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** An outcome with its output opened, if it has one. */
function opened(outcome: CallOutcome) {
  if (outcome.kind !== 'succeeded') return outcome;
  const { sealedOutput, ...rest } = outcome;
  const output = keyring.open(sealedOutput, outputContext(RUN.run_id, 0)).toString('utf8');
  return { ...rest, output: JSON.parse(output) as Record<string, unknown> };
}

function vendorOf(settings: Record<string, unknown>): LlmVendor {
  const file = fileSchema.parse({
    vendors: { llm: { kind: 'llm', model: 'model-1', api_key_env: 'KEY', ...settings } },
  });
  const { llm } = file.vendors;
  assert.ok(llm);
  const vendor = resolveVendor('llm', llm, { env: { KEY: 'the-key' } }, (path, text) =>
    assert.fail(`${path}: ${text}`),
  );
  assert.ok(vendor?.kind === 'llm');
  return vendor;
}

function stepOf(step: Record<string, unknown>): LlmStep {
  const llm = {
    name: 'summary',
    type: 'llm',
    vendor: 'llm',
    system: 'Be brief.',
    prompt: 'Sum up {{ event.data.title }}',
    ...step,
  };
  const [definition] = fileSchema.parse({
    automations: [{ name: 'a', on: ['post.published'], steps: [llm] }],
  }).automations;
  assert.ok(definition);
  const [compiled] = compileAutomation(definition, (path, text) => assert.fail(`${path}: ${text}`)).steps;
  assert.ok(compiled?.type === 'llm');
  return compiled;
}

const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}): Respond =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

const openAi = (content: string) => ({
  id: 'c1',
  object: 'chat.completion',
  created: 1,
  model: 'model-1',
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
});
const anthropic = {
  id: 'm1',
  type: 'message',
  role: 'assistant',
  model: 'model-1',
  content: [{ type: 'text', text: 'A harbour.' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 5, output_tokens: 2 },
};

const SUCCESS = {
  kind: 'succeeded',
  output: { text: 'A harbour.', model: 'model-1', finish_reason: 'stop', usage: { input_tokens: 5, output_tokens: 2 } },
  statusCode: 200,
  tokens: { input: 5, output: 2 },
};

for (const provider of ['openai-compatible', 'openai']) {
  test(`${provider}: a chat completion with key, idempotency key and trace`, async () => {
    const { outcome, seen } = await call({ provider }, { max_output_tokens: 50 }, json(openAi('A harbour.')));
    assert.deepEqual(outcome, SUCCESS);
    assert.equal(seen.length, 1);
    assert.equal(seen[0]?.url, '/v1/chat/completions');
    assert.equal(seen[0]?.headers.authorization, 'Bearer the-key');
    assert.equal(seen[0]?.headers['idempotency-key'], `${RUN.run_id}:summary`);
    assert.match(String(seen[0]?.headers.traceparent), new RegExp(`^00-${TRACE}-`));
    assert.deepEqual(seen[0]?.body.messages, [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Sum up Harbour' },
    ]);
    assert.equal(seen[0]?.body.max_tokens ?? seen[0]?.body.max_completion_tokens, 50);
  });
}

test('anthropic: a message with key, idempotency key and trace', async () => {
  const { outcome, seen } = await call({ provider: 'anthropic' }, {}, json(anthropic));
  assert.deepEqual(outcome, SUCCESS);
  assert.equal(seen[0]?.url, '/v1/messages');
  assert.equal(seen[0]?.headers['x-api-key'], 'the-key');
  assert.equal(seen[0]?.headers['idempotency-key'], `${RUN.run_id}:summary`);
  assert.match(String(seen[0]?.headers.traceparent), new RegExp(`^00-${TRACE}-`));
});

test('an answer asked for as JSON is parsed, out of a fence too', async () => {
  const fenced = '```json\n{"score": 9}\n```';
  const { outcome, seen } = await call({ provider: 'openai' }, { answer: 'json' }, json(openAi(fenced)));
  assert.ok(outcome.kind === 'succeeded');
  assert.ok('output' in outcome);
  assert.deepEqual(outcome.output.json, { score: 9 });
  assert.deepEqual(seen[0]?.body.response_format, { type: 'json_object' });
});

const failing: [what: string, Respond, CallOutcome, Record<string, unknown>?][] = [
  [
    'an answer without text',
    json(openAi(' ')),
    { kind: 'failed', code: 'empty_answer', statusCode: 200, tokens: { input: 5, output: 2 } },
  ],
  [
    'an answer that is not the JSON asked for',
    json(openAi('Sorry!')),
    { kind: 'failed', code: 'malformed_answer', statusCode: 200, tokens: { input: 5, output: 2 } },
    { answer: 'json' },
  ],
  ['a body of another form', json({ nothing: true }), { kind: 'failed', code: 'malformed_answer', statusCode: 200 }],
  [
    'a body that is no JSON',
    (response) => response.end('<html>'),
    { kind: 'retry', code: 'malformed_answer', statusCode: 200, maxAttempts: 5 },
  ],
  [
    'a rate limit',
    json({ error: { message: 'slow' } }, 429, { 'retry-after': '3' }),
    { kind: 'wait', code: 'rate_limited', statusCode: 429, waitMs: 3_000, isForAll: true },
  ],
  [
    'a wrong key',
    json({ error: { message: 'no' } }, 401),
    { kind: 'hold', code: 'vendor_denied', statusCode: 401, isCertain: true },
  ],
  [
    'a redirect',
    json({}, 307, { location: 'http://127.0.0.1:1/' }),
    { kind: 'failed', code: 'redirected', statusCode: 307 },
  ],
  [
    'an answer without end',
    json(openAi('x'.repeat(MAX_ANSWER_BYTES))),
    { kind: 'failed', code: 'answer_too_large', statusCode: null },
  ],
  ['a vendor that hangs', () => undefined, { kind: 'retry', code: 'timeout', statusCode: null }],
  [
    'a body that hangs',
    (response) => void response.writeHead(200).write('{'),
    { kind: 'retry', code: 'timeout', statusCode: null },
  ],
  ['a connection cut', (response) => response.destroy(), { kind: 'retry', code: 'network_error', statusCode: null }],
];
for (const [what, respond, expected, step] of failing) {
  const follows = { retry: 'tried again', wait: 'waited for', hold: 'held', failed: 'final' }[String(expected.kind)];
  test(`${what} is ${follows}, after one call`, async () => {
    const settings = { provider: 'openai-compatible', timeout_ms: 300 };
    const { outcome, seen } = await call(settings, step ?? {}, respond);
    assert.deepEqual(outcome, expected);
    assert.equal(seen.length, 1);
  });
}

test('a vendor can name the field of the bound, and a prompt for JSON says so', async () => {
  const settings = { provider: 'openai-compatible', max_tokens_field: 'max_completion_tokens' };
  const { seen } = await call(settings, { answer: 'json', max_output_tokens: 50 }, json(openAi('{}')));
  assert.deepEqual([seen[0]?.body.max_completion_tokens, seen[0]?.body.max_tokens], [50, undefined]);
  assert.match(JSON.stringify(seen[0]?.body.messages), /Answer in JSON/);
});
