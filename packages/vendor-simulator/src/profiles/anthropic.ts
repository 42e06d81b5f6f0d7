import {
  type Answer,
  type Call,
  type ErrorDetail,
  headerOf,
  jsonAnswer,
  type VendorEndpoint,
  withHeaders,
} from '../endpoints.ts';
import { type Json, member } from '../json.ts';
import { anthropicSchemaFault } from './anthropic-schema.ts';
import { messagesOf, numberOf } from './chat.ts';
import { contentText, digest, type Spoken, speak } from './completion.ts';

export const messages: VendorEndpoint = {
  method: 'POST',
  path: '/anthropic/v1/messages',
  unauthorized: (call) =>
    headerOf(call, 'x-api-key') === undefined
      ? anthropicError(401, { message: 'x-api-key header is required' })
      : undefined,
  answer: (call) => {
    const fault = faultOf(call);
    if (fault !== undefined) return anthropicError(400, { message: fault });
    const model = String(member(call.body, 'model'));
    if (model.startsWith('absent')) return anthropicError(404, { message: `model: ${model}` });
    return withHeaders(answered(call, model), LIMITS);
  },
  error: anthropicError,
};

const KNOWN = new Set([
  ...['model', 'messages', 'max_tokens', 'system', 'temperature', 'top_p', 'top_k', 'stop_sequences', 'stream'],
  ...['metadata', 'tools', 'tool_choice', 'thinking', 'service_tier', 'output_config', 'container', 'cache_control'],
]);

/** In Anthropic's words. */
function faultOf(call: Call): string | undefined {
  const { body } = call;
  if (headerOf(call, 'anthropic-version') === undefined) return 'anthropic-version: header is required';
  const unknown = Object.keys((body ?? {}) as object).find((name) => !KNOWN.has(name));
  if (unknown !== undefined) return `${unknown}: Extra inputs are not permitted`;
  for (const name of ['model', 'max_tokens', 'messages'])
    if (member(body, name) === undefined) return `${name}: Field required`;
  const temperature = numberOf(body, 'temperature');
  if (temperature !== undefined && (temperature < 0 || temperature > 1)) return 'temperature: range: 0..1';
  // The newest models take only default sampling parameters.
  if (temperature !== undefined && /^claude-(opus|fable)-(4-7|5)/.test(String(member(body, 'model'))))
    return '`temperature` is deprecated for this model.';
  const list = messagesOf(body);
  if (list.length === 0) return 'messages: at least one message is required';
  for (const [index, message] of list.entries()) {
    const role = member(message, 'role');
    if (role === 'system')
      return 'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an input message role.';
    if (contentText(member(message, 'content')).trim() === '')
      return `messages.${index}: user messages must have non-empty content`;
  }
  const format = member(member(body, 'output_config'), 'format');
  const schemaFault = format === undefined ? undefined : anthropicSchemaFault(member(format, 'schema'));
  return schemaFault === undefined ? undefined : `output_config.format.schema: ${schemaFault}`;
}

const REASONS: Record<Spoken['reason'], string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  content_filter: 'refusal',
  tool_calls: 'tool_use',
};

function answered({ body, says }: Call, model: string): Answer {
  const texts = messagesOf(body).map((message) => contentText(member(message, 'content')));
  const prompt = [contentText(member(body, 'system')), ...texts].join('\n');
  const schema = member(member(member(body, 'output_config'), 'format'), 'schema');
  const format = schema === undefined ? ('text' as const) : { schema };
  const spoken = speak({ prompt, format, bound: numberOf(body, 'max_tokens'), says });
  return jsonAnswer(
    200,
    {
      ...{ id: `msg_sim_${digest(prompt)}`, type: 'message', role: 'assistant', model },
      content: contentOf(spoken, says),
      stop_reason: says === 'refusal' ? 'refusal' : REASONS[spoken.reason],
      stop_sequence: null,
      usage: {
        ...{ input_tokens: spoken.promptTokens, output_tokens: spoken.completionTokens },
        ...{ cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
      },
    },
    true,
  );
}

function contentOf({ text }: Spoken, says: Call['says']): Json {
  if (says === 'refusal' || says === 'nothing') return [];
  if (says === 'tool_call') return [{ type: 'tool_use', id: 'toolu_sim', name: 'look', input: {} }];
  const thoughts = says === 'thoughts' ? [{ type: 'thinking', thinking: 'Hm.', signature: 'sim' }] : [];
  return [...thoughts, { type: 'text', text }];
}

const LIMITS = {
  'anthropic-ratelimit-requests-limit': '50',
  'anthropic-ratelimit-requests-remaining': '49',
  'anthropic-ratelimit-requests-reset': '2026-01-01T00:00:00Z',
};

const TYPES: Record<number, [type: string, message: string]> = {
  400: ['invalid_request_error', 'Error'],
  401: ['authentication_error', 'invalid x-api-key'],
  402: ['billing_error', 'Your credit balance is too low to access the Anthropic API.'],
  403: ['permission_error', 'Your API key does not have permission to use the specified resource.'],
  404: ['not_found_error', 'Not found'],
  413: ['request_too_large', 'Request exceeds the maximum allowed number of bytes.'],
  429: ['rate_limit_error', "This request would exceed your organization's rate limit."],
  529: ['overloaded_error', 'Overloaded'],
};

function anthropicError(status: number, { message }: ErrorDetail = {}): Answer {
  const [type, said] = TYPES[status] ?? ['api_error', 'Internal server error'];
  const answer = jsonAnswer(status, {
    type: 'error',
    error: { type, message: message ?? said },
    request_id: 'req_simulated',
  });
  return withHeaders(answer, { 'request-id': 'req_simulated', ...(status === 429 ? { 'retry-after': '1' } : {}) });
}
