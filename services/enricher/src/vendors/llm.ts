import { generateText } from 'ai';
import type { LlmStep } from '../automations/compile.ts';
import type { LlmVendor } from '../automations/vendors.ts';
import type { CallOptions } from './call.ts';
import { languageModel } from './models.ts';
import type { Answer, CallOutcome } from './outcome.ts';
import { refusal } from './refusal.ts';

// The SDK would print its warnings, prompts and all, past our logger.
globalThis.AI_SDK_LOG_WARNINGS = false;

/**
 * Makes the call of an llm step. The AI SDK makes the request in its vendor's dialect; the answer is read by us, because the SDK does not
 * say why there is none (docs/decisions/0030-answers-of-models.md). The output is
 * `{ text, model, finish_reason, usage: { input_tokens, output_tokens } }`, with `json` if the step asks for JSON.
 */
export async function callLlm(step: LlmStep, vendor: LlmVendor, options: CallOptions): Promise<CallOutcome> {
  const { content, run, position } = options;
  const model = step.model ?? vendor.model ?? '';
  const prepared = await content.do({ kind: 'prepare', step, run });
  if (prepared.kind === 'failed') return { ...prepared, statusCode: null };
  if (prepared.kind !== 'llm') throw new Error('an llm step was prepared as another kind');
  const { kind: _kind, ...prompt } = prepared;

  const answer = await ask(options, vendor.timeoutMs, (fetch) =>
    generateText({
      ...prompt,
      model: languageModel(vendor, model, { fetch, wantsJson: step.answer === 'json' }),
      maxOutputTokens: step.max_output_tokens,
      maxRetries: 0,
      headers: options.headers,
    }),
  );
  const refused = refusal(answer, Date.now());
  if (refused !== null || answer.kind === 'fault') return refused ?? { kind: 'abandoned' };
  const provider = vendor.provider === 'anthropic' ? 'anthropic' : 'openai';
  const place = { runId: run.run_id, position };
  const read = await content.do({ kind: 'llm', step, place, answer: { provider, model, body: answer.body } });
  const { status: statusCode } = answer;
  if (read.kind === 'unreadable') return { kind: 'retry', code: 'malformed_answer', statusCode, maxAttempts: 5 };
  const tokens = read.tokens === undefined ? {} : { tokens: read.tokens };
  if (read.kind === 'failed') return { kind: 'failed', code: read.code, statusCode, ...tokens };
  return { kind: 'succeeded', sealedOutput: read.sealedOutput, statusCode, ...tokens };
}

/** Ends the SDK's work once there is an answer. */
class Answered extends Error {}

/** Has the SDK make its request and gives back what came over the wire. */
async function ask(
  { transport, signal }: CallOptions,
  timeoutMs: number,
  generate: (fetch: typeof globalThis.fetch) => Promise<unknown>,
): Promise<Answer> {
  let answer: Answer | undefined;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const headers = Object.fromEntries(new Headers(init?.headers));
    const url = input instanceof Request ? input.url : String(input);
    const method = init?.method ?? 'GET';
    answer = await transport.send({ method, url, headers, body: String(init?.body ?? ''), timeoutMs, signal });
    throw new Answered();
  };
  try {
    await generate(fetch);
  } catch (error) {
    // Nothing was sent: our own fault, not of the vendor's. No cause, for the SDK's messages quote the prompt.
    if (answer === undefined) throw new Error(`the AI SDK failed before the call: ${nameOf(error)}`);
  }
  if (answer === undefined) throw new Error('the AI SDK made no call');
  return answer;
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);
