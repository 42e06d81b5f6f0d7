// Ollama and vLLM as OpenAI-compatible servers, with their own ways: packages/vendor-simulator/README.md names the sources.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ratingOf, SCORE, startProfile } from './profile.ts';

const llm = { kind: 'llm', provider: 'openai-compatible', model: 'llama-simulated' };
const ollama = () => startProfile('/ollama/v1', llm);
const vllm = (more: Record<string, unknown> = {}) => startProfile('/vllm/v1', { ...llm, api_key_env: 'KEY', ...more });

test('Ollama: no key is needed, and the bound is sent under the name that is read', async () => {
  await using profile = await ollama();
  assert.equal((await profile.call({})).kind, 'succeeded');
  assert.equal((await profile.call({ max_output_tokens: 5 })).code, 'answer_cut');
});

test('Ollama: a model that was not pulled is final, or the next one of a list is asked', async () => {
  await using profile = await ollama();
  assert.equal((await profile.call({ model: 'absent' })).code, 'vendor_refused');
  assert.equal((await profile.call({ model: ['absent', 'llama-simulated'] })).kind, 'succeeded');
});

test('Ollama: thoughts next to the content are left out, a schema is met', async () => {
  await using profile = await ollama();
  profile.behave({ ollama: [{ says: 'thoughts' }] });
  const came = await profile.call({ answer: { schema: SCORE } });
  assert.equal(ratingOf(came), 'hot');
});

test('vLLM: system text stays one message at the beginning, whatever is added to it', async () => {
  await using profile = await vllm();
  assert.equal((await profile.call({ answer: 'json' })).kind, 'succeeded');
  await using worded = await vllm({ json_mode: 'words' });
  assert.equal((await worded.call({ answer: { schema: SCORE } })).code, 'malformed_answer');
  const messages = (worded.bodies()[0]?.messages ?? []) as { role: string }[];
  assert.deepEqual(
    messages.map(({ role }) => role),
    ['system', 'user'],
  );
});

test('vLLM: a repair is asked for by turns, as chat templates want it', async () => {
  await using profile = await vllm();
  profile.behave({ vllm: [{ says: 'off_schema' }] });
  assert.equal((await profile.call({ answer: { schema: SCORE } })).kind, 'succeeded');
  assert.equal(profile.bodies().length, 2);
});

test('vLLM: a prompt beyond the context is final, and an answer of thoughts alone is none', async () => {
  await using profile = await vllm();
  const long = await profile.call({}, { title: 'x'.repeat(40_000) });
  assert.deepEqual([long.code, long.detail], ['vendor_refused', 'the vendor says BadRequestError']);
  profile.behave({ vllm: [{ says: 'nothing' }] });
  assert.equal((await profile.call({})).code, 'empty_answer');
});
