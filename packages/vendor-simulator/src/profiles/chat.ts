import { type Answer, type Call, jsonAnswer } from '../endpoints.ts';
import { type Json, member } from '../json.ts';
import { CREATED_S, contentText, digest, type Spoken, speak } from './completion.ts';

/** Answers a valid chat completion in the form of OpenAI and its followers. */
export function completeChat(call: Call, model: string, bound: number | undefined): Answer {
  const { body, says } = call;
  const prompt = messagesOf(body)
    .map((message) => contentText(member(message, 'content')))
    .join('\n');
  const spoken = speak({ prompt, format: formatOf(body), bound, says });
  const base = { id: `chatcmpl-sim-${digest(prompt)}`, created: CREATED_S, model };
  const usage = {
    prompt_tokens: spoken.promptTokens,
    completion_tokens: spoken.completionTokens,
    total_tokens: spoken.promptTokens + spoken.completionTokens,
  };
  if (member(body, 'stream') === true) {
    const withUsage = member(member(body, 'stream_options'), 'include_usage') === true;
    return { ...streamed(base, spoken, withUsage ? usage : undefined), effect: true };
  }
  const message = { role: 'assistant', ...said(spoken, says) };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: spoken.reason }];
  return jsonAnswer(
    200,
    { ...base, object: 'chat.completion', choices, usage, system_fingerprint: 'fp_simulated' },
    true,
  );
}

function said({ text }: Spoken, says: Call['says']): Record<string, unknown> {
  if (says === 'refusal') return { content: null, refusal: "I'm sorry, but I can't help with that." };
  if (says === 'parts') return { content: [{ type: 'text', text }], refusal: null };
  if (says === 'tool_call') {
    const call = { id: 'call_sim', type: 'function', function: { name: 'look', arguments: '{}' } };
    return { content: null, refusal: null, tool_calls: [call] };
  }
  return { content: text, refusal: null };
}

export const messagesOf = (body: Json): Json[] => {
  const messages = member(body, 'messages');
  return Array.isArray(messages) ? messages : [];
};

export function formatOf(body: Json): { schema: Json } | 'json' | 'text' {
  const format = member(body, 'response_format');
  const type = member(format, 'type');
  if (type === 'json_object') return 'json';
  if (type !== 'json_schema') return 'text';
  return { schema: member(member(format, 'json_schema'), 'schema') ?? {} };
}

export const numberOf = (body: Json, name: string): number | undefined => {
  const value = member(body, name);
  return typeof value === 'number' ? value : undefined;
};

function streamed(base: Record<string, unknown>, { text, reason }: Spoken, usage: unknown): Omit<Answer, 'effect'> {
  const chunk = (delta: unknown, finishReason: string | null) => ({
    ...base,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
    ...(usage ? { usage: null } : {}),
  });
  const words = text.match(/\S+\s*/g) ?? [];
  const events: unknown[] = [
    chunk({ role: 'assistant', content: '' }, null),
    ...words.map((word) => chunk({ content: word }, null)),
    chunk({}, reason),
  ];
  if (usage) events.push({ ...base, object: 'chat.completion.chunk', choices: [], usage });
  const chunks = [...events.map((event) => `data: ${JSON.stringify(event)}\n\n`), 'data: [DONE]\n\n'];
  return { status: 200, headers: { 'content-type': 'text/event-stream; charset=utf-8' }, chunks };
}
