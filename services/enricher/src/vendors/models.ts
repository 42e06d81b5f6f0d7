import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { LanguageModel } from 'ai';
import type { LlmVendor } from '../automations/vendors.ts';

interface ModelOptions {
  fetch: typeof globalThis.fetch;
  wantsJson: boolean;
}

/** The AI SDK's model for a vendor, which makes its requests through `fetch`. */
export function languageModel(vendor: LlmVendor, modelId: string, { fetch, wantsJson }: ModelOptions): LanguageModel {
  const { provider, baseUrl, apiKey = '' } = vendor;
  const hosted = { apiKey, fetch, ...(baseUrl === undefined ? {} : { baseURL: baseUrl }) };
  if (provider === 'anthropic') return createAnthropic(hosted)(modelId);
  // Chat completions and not the Responses API: that one keeps prompts and answers at the vendor unless told otherwise.
  if (provider === 'openai') return createOpenAI({ ...hosted, fetch: askingForJson(fetch, wantsJson) }).chat(modelId);
  const ask = askingForJson(fetch, wantsJson);
  const key = apiKey === '' ? {} : { apiKey };
  return createOpenAICompatible({ name: vendor.name, baseURL: baseUrl ?? '', fetch: ask, ...key })(modelId);
}

/** OpenAI's JSON mode. The SDK's own JSON output would turn a malformed answer into an error that carries the answer. */
function askingForJson(fetch: typeof globalThis.fetch, wantsJson: boolean): typeof globalThis.fetch {
  if (!wantsJson) return fetch;
  return (input, init) => {
    const body: Record<string, unknown> = JSON.parse(String(init?.body));
    return fetch(input, { ...init, body: JSON.stringify({ ...body, response_format: { type: 'json_object' } }) });
  };
}
