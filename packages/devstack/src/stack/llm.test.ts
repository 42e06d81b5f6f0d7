import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { chooseLlm } from './llm.ts';

const SIMULATOR = 'http://127.0.0.1:1';

test('without a key or an address the LLM is simulated, and that is said', async () => {
  const choice = await chooseLlm({ OPENAI_API_KEY: '' }, SIMULATOR);
  assert.equal(choice.env.LLM_BASE_URL, `${SIMULATOR}/v1`);
  assert.match(choice.description, /SIMULATED/);
});

test('a key chooses its provider, with its own model unless LLM_MODEL names one', async () => {
  const openai = await chooseLlm({ OPENAI_API_KEY: 'sk-1' }, SIMULATOR);
  assert.deepEqual(openai.env, { LLM_PROVIDER: 'openai', LLM_API_KEY: 'sk-1', LLM_MODEL: 'gpt-4.1-mini' });
  const anthropic = await chooseLlm({ ANTHROPIC_API_KEY: 'sk-2', LLM_MODEL: 'claude-x' }, SIMULATOR);
  assert.deepEqual(anthropic.env, { LLM_PROVIDER: 'anthropic', LLM_API_KEY: 'sk-2', LLM_MODEL: 'claude-x' });
  for (const { description } of [openai, anthropic]) assert.doesNotMatch(description, /sk-/);
});

test('a model server is asked for its model; if it does not answer, the error names the way out', async () => {
  const server = createServer((request, response) =>
    response.end(JSON.stringify({ data: [{ id: request.url === '/v1/models' ? 'llama3.2' : 'wrong' }] })),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`;
  const choice = await chooseLlm({ OPENAI_BASE_URL: baseUrl }, SIMULATOR);
  assert.deepEqual(choice.env, { LLM_PROVIDER: 'openai-compatible', LLM_BASE_URL: baseUrl, LLM_MODEL: 'llama3.2' });
  server.closeAllConnections();
  server.close();
  await assert.rejects(chooseLlm({ OPENAI_BASE_URL: baseUrl }, SIMULATOR), /LLM_MODEL names one without asking/);
});
