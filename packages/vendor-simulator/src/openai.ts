import { createHash } from 'node:crypto';
import { type Answer, type Call, jsonAnswer, type VendorEndpoint } from './endpoints.ts';
import { type Json, member } from './json.ts';

const MODEL = 'simulated-1';
const CREATED_S = 1_780_000_000;
const EXCERPT_CHARACTERS = 120;

/**
 * OpenAI's chat completions, streamed or whole. The answer depends on the prompt alone and says that it is simulated.
 */
export const chat: VendorEndpoint = {
  method: 'POST',
  path: '/v1/chat/completions',
  needsBearer: true,
  answer: complete,
  error: openAiError,
};

/** OpenAI's list of models. */
export const models: VendorEndpoint = {
  method: 'GET',
  path: '/v1/models',
  needsBearer: true,
  answer: () =>
    jsonAnswer(200, {
      object: 'list',
      data: [{ id: MODEL, object: 'model', created: CREATED_S, owned_by: 'pressferry-simulator' }],
    }),
  error: openAiError,
};

function complete({ body }: Call): Answer {
  const messages = member(body, 'messages');
  if (!Array.isArray(messages) || messages.length === 0) {
    return openAiError(400, "Missing required parameter: 'messages'.");
  }
  const model = member(body, 'model');
  if (typeof model !== 'string') return openAiError(400, 'you must provide a model parameter');

  const prompt = messages.map((message) => textOf(member(message, 'content'))).join('\n');
  const content = wantsJson(body) ? JSON.stringify({ summary: summarise(prompt) }) : summarise(prompt);
  const usage = usageOf(prompt, content);
  const base = { id: `chatcmpl-sim-${digest(prompt)}`, created: CREATED_S, model };
  if (member(body, 'stream') === true) {
    const withUsage = member(member(body, 'stream_options'), 'include_usage') === true;
    return { ...streamed(base, content, withUsage ? usage : undefined), effect: true };
  }
  const message = { role: 'assistant', content, refusal: null };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: 'stop' }];
  return jsonAnswer(
    200,
    { ...base, object: 'chat.completion', choices, usage, system_fingerprint: 'fp_simulated' },
    true,
  );
}

function streamed(base: Record<string, unknown>, content: string, usage: unknown): Omit<Answer, 'effect'> {
  const chunk = (delta: unknown, finishReason: string | null) => ({
    ...base,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
    ...(usage ? { usage: null } : {}),
  });
  const words = content.match(/\S+\s*/g) ?? [];
  const events: unknown[] = [
    chunk({ role: 'assistant', content: '' }, null),
    ...words.map((word) => chunk({ content: word }, null)),
    chunk({}, 'stop'),
  ];
  if (usage) events.push({ ...base, object: 'chat.completion.chunk', choices: [], usage });
  const chunks = [...events.map((event) => `data: ${JSON.stringify(event)}\n\n`), 'data: [DONE]\n\n'];
  return { status: 200, headers: { 'content-type': 'text/event-stream; charset=utf-8' }, chunks };
}

function summarise(prompt: string): string {
  const words = prompt.trim().split(/\s+/).filter(Boolean);
  const excerpt = words.join(' ').slice(0, EXCERPT_CHARACTERS);
  return `[simulated] Summary of ${words.length} words (${digest(prompt)}): ${excerpt}`;
}

function textOf(content: Json | undefined): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part) => member(part, 'text'))
    .filter((text) => typeof text === 'string')
    .join('\n');
}

function wantsJson(body: Json): boolean {
  const type = member(member(body, 'response_format'), 'type');
  return type === 'json_object' || type === 'json_schema';
}

// Four characters a token is OpenAI's own rule of thumb.
function usageOf(prompt: string, content: string) {
  const [promptTokens, completionTokens] = [Math.ceil(prompt.length / 4), Math.ceil(content.length / 4)];
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);

const ERRORS: Record<number, { message: string; type: string; code: string | null }> = {
  401: { message: "You didn't provide an API key.", type: 'invalid_request_error', code: null },
  429: { message: '[simulated] Rate limit reached for requests', type: 'requests', code: 'rate_limit_exceeded' },
  503: {
    message: '[simulated] The engine is currently overloaded, please try again later',
    type: 'server_error',
    code: null,
  },
};

function openAiError(status: number, message?: string): Answer {
  const fallback = {
    message: '[simulated] error',
    type: status < 500 ? 'invalid_request_error' : 'server_error',
    code: null,
  };
  const error = { ...(ERRORS[status] ?? fallback), ...(message ? { message } : {}), param: null };
  return jsonAnswer(status, { error });
}
