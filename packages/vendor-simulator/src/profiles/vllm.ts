import { type Answer, type Call, type ErrorDetail, hasBearer, jsonAnswer, type VendorEndpoint } from '../endpoints.ts';
import { member } from '../json.ts';
import { completeChat, messagesOf, numberOf } from './chat.ts';
import { contentText, tokensOf } from './completion.ts';

const CONTEXT_TOKENS = 8_192;

/**
 * OpenAI-compatible: a small context, chat templates that may require alternating roles, numeric codes, and thoughts
 * next to the content, which is null if the model only thought.
 */
export const vllm: VendorEndpoint = {
  method: 'POST',
  path: '/vllm/v1/chat/completions',
  unauthorized: (call) => (hasBearer(call) ? undefined : jsonAnswer(401, { error: 'Unauthorized' })),
  answer: complete,
  error: vllmError,
};

function complete(call: Call): Answer {
  const { body } = call;
  const model = String(member(body, 'model') ?? '');
  if (model === '' || model.startsWith('absent'))
    return vllmError(404, { message: `The model \`${model}\` does not exist.` });
  const messages = messagesOf(body);
  const bound = numberOf(body, 'max_completion_tokens') ?? numberOf(body, 'max_tokens');
  const roles = messages.map((message) => member(message, 'role')).filter((role) => role !== 'system');
  // Its chat template has no place for one.
  if (model.startsWith('gemma') && member(messages[0], 'role') === 'system')
    return vllmError(400, { message: 'System role not supported' });
  if (messages.slice(1).some((message) => member(message, 'role') === 'system'))
    return vllmError(400, { message: 'System message must be at the beginning.' });
  if (roles.length === 0 || roles.some((role, index) => role !== (index % 2 === 0 ? 'user' : 'assistant')))
    return vllmError(400, {
      message: 'After the optional system message, conversation roles must alternate user/assistant/user/assistant/...',
    });
  const prompt = messages.map((message) => contentText(member(message, 'content'))).join('\n');
  const asked = tokensOf(prompt) + (bound ?? 0);
  if (asked > CONTEXT_TOKENS)
    return vllmError(400, {
      message: `This model's maximum context length is ${CONTEXT_TOKENS} tokens. However, you requested ${asked} tokens (${tokensOf(prompt)} in the messages, ${bound ?? 0} in the completion). Please reduce the length of the messages or completion.`,
    });
  const spoken = completeChat(call, model, bound);
  if (call.says !== 'thoughts' && call.says !== 'nothing') return spoken;
  const answer = JSON.parse(spoken.chunks.join(''));
  const { message } = answer.choices[0];
  message.reasoning_content = 'They want an answer.';
  message.content = call.says === 'nothing' ? null : String(message.content).replace(/^<think>[\s\S]*<\/think>\s*/, '');
  return { ...spoken, chunks: [JSON.stringify(answer)] };
}

const TYPES: Record<number, string> = { 400: 'BadRequestError', 404: 'NotFoundError' };

function vllmError(status: number, { message }: ErrorDetail = {}): Answer {
  const type = TYPES[status] ?? 'InternalServerError';
  return jsonAnswer(status, {
    error: { message: message ?? '[simulated] error', type, param: null, code: status },
  });
}
