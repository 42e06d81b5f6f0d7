import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, type LanguageModel } from 'ai';
import type { LlmStep } from '../automations/compile.ts';
import type { TemplateContext } from '../automations/template.ts';
import type { LlmVendor } from '../automations/vendors.ts';
import type { CallOptions } from './http.ts';
import { parseJson } from './json.ts';
import { type Answer, type CallOutcome, refusal } from './outcome.ts';
import { withPersonalData } from './personal-data.ts';

// The SDK would print its warnings, prompts and all, past our logger.
globalThis.AI_SDK_LOG_WARNINGS = false;

/**
 * Makes the call of an llm step through the AI SDK, which tries once: retries are scheduled in Postgres. Its output is
 * `{ text, model, finish_reason, usage: { input_tokens, output_tokens } }`, with `json` where the step asks for JSON.
 */
export async function callLlm(
  step: LlmStep,
  vendor: LlmVendor,
  context: TemplateContext,
  options: CallOptions,
): Promise<CallOutcome> {
  const modelId = step.model ?? vendor.model ?? '';
  const prompt = render(step, context);
  if (prompt === null) return { kind: 'failed', code: 'template_failed', statusCode: null };
  if (prompt === 'pii_refused') return { kind: 'failed', code: prompt, statusCode: null };
  const wire = observedFetch(vendor.timeoutMs, options);
  try {
    const { text, finishReason, usage } = await generateText({
      ...prompt,
      model: languageModel(vendor, modelId, { fetch: wire.fetch, wantsJson: step.answer === 'json' }),
      maxOutputTokens: step.maxOutputTokens,
      maxRetries: 0,
      headers: options.headers,
    });
    const tokens = { input: usage.inputTokens ?? 0, output: usage.outputTokens ?? 0 };
    const statusCode = 200;
    if (text.trim() === '') return { kind: 'retry', code: 'empty_answer', statusCode };
    const json = step.answer === 'json' ? parseJson(withoutFence(text)) : undefined;
    if (step.answer === 'json' && json === undefined) return { kind: 'retry', code: 'malformed_answer', statusCode };
    const output = {
      text,
      model: modelId,
      finish_reason: finishReason,
      usage: { input_tokens: tokens.input, output_tokens: tokens.output },
      ...(json === undefined ? {} : { json }),
    };
    return { kind: 'succeeded', output, statusCode, tokens };
  } catch (error) {
    const answer = wire.answer();
    // Nothing was sent: a fault of ours, not of the vendor's. No cause, for the SDK's messages quote the prompt.
    if (answer === undefined) throw new Error(`the AI SDK failed before the call: ${nameOf(error)}`);
    const refused = refusal(answer, Date.now());
    return refused ?? { kind: 'retry', code: 'malformed_answer', statusCode: 200 };
  }
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);

interface Prompt {
  prompt: string;
  instructions?: string;
}

function render(step: LlmStep, context: TemplateContext): Prompt | 'pii_refused' | null {
  try {
    const instructions = step.system?.render(context);
    const prompt = { prompt: step.prompt.render(context), ...(instructions === undefined ? {} : { instructions }) };
    return withPersonalData(step.pii, prompt)?.value ?? 'pii_refused';
  } catch {
    return null;
  }
}

interface ModelOptions {
  fetch: typeof globalThis.fetch;
  wantsJson: boolean;
}

function languageModel(vendor: LlmVendor, modelId: string, { fetch, wantsJson }: ModelOptions): LanguageModel {
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

/** A fetch over our transport that keeps what came back, for the SDK's errors say less. */
function observedFetch(timeoutMs: number, { transport, signal }: CallOptions) {
  let answer: Answer | undefined;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const headers = Object.fromEntries(new Headers(init?.headers));
    const url = input instanceof Request ? input.url : String(input);
    answer = await transport.send({
      method: init?.method ?? 'GET',
      url,
      headers,
      body: String(init?.body ?? ''),
      timeoutMs,
      signal,
    });
    if (refusal(answer, Date.now()) !== null || answer.kind === 'fault') throw new Error('no usable answer');
    return new Response(answer.status === 204 ? null : answer.body, { status: answer.status, headers: answer.headers });
  };
  return { fetch, answer: () => answer };
}

/** Models fence JSON even where they are asked not to. */
function withoutFence(text: string): string {
  const trimmed = text.trim();
  const firstLine = trimmed.indexOf('\n');
  const isFenced = trimmed.startsWith('```') && trimmed.endsWith('```') && firstLine > 0;
  return isFenced && firstLine < trimmed.length - 3 ? trimmed.slice(firstLine + 1, -3) : text;
}
