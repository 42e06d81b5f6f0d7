import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { LanguageModel } from 'ai';
import type { LlmVendor } from '../automations/vendors.ts';

export function languageModel(vendor: LlmVendor, modelId: string, fetch: typeof globalThis.fetch): LanguageModel {
  const { provider, baseUrl, apiKey = '' } = vendor;
  const hosted = { apiKey, fetch, ...(baseUrl === undefined ? {} : { baseURL: baseUrl }) };
  if (provider === 'anthropic') return createAnthropic(hosted)(modelId);
  // Not the Responses API, which stores prompts and answers at the vendor by default.
  if (provider === 'openai') return createOpenAI(hosted).chat(modelId);
  if (provider === 'azure') return azureModel(vendor, modelId, fetch);
  const key = apiKey === '' ? {} : { apiKey };
  return createOpenAICompatible({ name: vendor.name, baseURL: baseUrl ?? '', fetch, ...key })(modelId);
}

/**
 * On Azure the deployment is the model. The version is part of the path; without one, the newer address takes it in the
 * body. The key has its own header, because a bearer token is another credential there.
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
