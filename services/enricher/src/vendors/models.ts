import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { LanguageModel } from 'ai';
import type { LlmVendor } from '../automations/vendors.ts';

/** The AI SDK's model for a vendor, which makes its requests through `fetch`. */
export function languageModel(vendor: LlmVendor, modelId: string, fetch: typeof globalThis.fetch): LanguageModel {
  const { provider, baseUrl, apiKey = '' } = vendor;
  const hosted = { apiKey, fetch, ...(baseUrl === undefined ? {} : { baseURL: baseUrl }) };
  if (provider === 'anthropic') return createAnthropic(hosted)(modelId);
  // Chat completions and not the Responses API: that one keeps prompts and answers at the vendor unless told otherwise.
  if (provider === 'openai') return createOpenAI(hosted).chat(modelId);
  if (provider === 'azure') return azureModel(vendor, modelId, fetch);
  const key = apiKey === '' ? {} : { apiKey };
  return createOpenAICompatible({ name: vendor.name, baseURL: baseUrl ?? '', fetch, ...key })(modelId);
}

/**
 * Azure's chat completions: the deployment is the model. With a version it is part of the path; without one the newer address, which
 * takes it in the body. The key has another header, because a bearer token is another credential there.
 */
function azureModel(vendor: LlmVendor, deployment: string, fetch: typeof globalThis.fetch): LanguageModel {
  const { baseUrl = '', apiKey = '', apiVersion } = vendor;
  const path = apiVersion === undefined ? '/openai/v1' : `/openai/deployments/${encodeURIComponent(deployment)}`;
  const version = apiVersion === undefined ? '' : `?api-version=${encodeURIComponent(apiVersion)}`;
  const withKey: typeof globalThis.fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.delete('authorization');
    headers.set('api-key', apiKey);
    return fetch(`${String(input)}${version}`, { ...init, headers });
  };
  return createOpenAICompatible({ name: vendor.name, baseURL: `${baseUrl}${path}`, fetch: withKey })(deployment);
}
