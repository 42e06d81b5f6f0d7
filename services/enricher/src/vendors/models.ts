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
  const ask = adjusting(fetch, { wantsJson, maxTokensField: vendor.maxTokensField });
  // Chat completions and not the Responses API: that one keeps prompts and answers at the vendor unless told otherwise.
  if (provider === 'openai') return createOpenAI({ ...hosted, fetch: ask }).chat(modelId);
  const key = apiKey === '' ? {} : { apiKey };
  return createOpenAICompatible({ name: vendor.name, baseURL: baseUrl ?? '', fetch: ask, ...key })(modelId);
}

interface Adjustments {
  wantsJson: boolean;
  maxTokensField: LlmVendor['maxTokensField'];
}

/**
 * What the SDK does not do: OpenAI's JSON mode (its own JSON output would turn a malformed answer into an error that carries the answer)
 * with the word that OpenAI asks for then, and the name under which a vendor takes the bound of tokens.
 */
function adjusting(
  fetch: typeof globalThis.fetch,
  { wantsJson, maxTokensField }: Adjustments,
): typeof globalThis.fetch {
  if (!wantsJson && maxTokensField === undefined) return fetch;
  return (input, init) => {
    const { max_tokens, max_completion_tokens, messages, ...body }: Record<string, unknown> = JSON.parse(
      String(init?.body),
    );
    const most = max_completion_tokens ?? max_tokens;
    const field = maxTokensField ?? (max_completion_tokens === undefined ? 'max_tokens' : 'max_completion_tokens');
    const said = Array.isArray(messages) ? messages : [];
    const hint =
      wantsJson && !/json/i.test(JSON.stringify(said)) ? [{ role: 'system', content: 'Answer in JSON.' }] : [];
    const sent = {
      ...body,
      messages: [...hint, ...said],
      ...(most === undefined ? {} : { [field]: most }),
      ...(wantsJson ? { response_format: { type: 'json_object' } } : {}),
    };
    return fetch(input, { ...init, body: JSON.stringify(sent) });
  };
}
