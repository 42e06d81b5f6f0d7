import { type Answer, type Call, type ErrorDetail, jsonAnswer, type VendorEndpoint } from '../endpoints.ts';
import { member } from '../json.ts';
import { completeChat, messagesOf, numberOf } from './chat.ts';

/**
 * OpenAI-compatible: no key; unknown members are ignored, `max_completion_tokens` among them, so such an answer has no
 * bound; a model that was not pulled is a 404.
 */
export const ollama: VendorEndpoint = {
  method: 'POST',
  path: '/ollama/v1/chat/completions',
  answer: complete,
  error: ollamaError,
};

function complete(call: Call): Answer {
  const { body } = call;
  const model = member(body, 'model');
  if (typeof model !== 'string' || model === '') return ollamaError(400, { message: 'model is required' });
  if (messagesOf(body).length === 0) return ollamaError(400, { message: "[] is too short - 'messages'" });
  if (model.startsWith('absent')) return ollamaError(404, { message: `model '${model}' not found` });
  const spoken = completeChat(call, model, numberOf(body, 'max_tokens'));
  if (call.says !== 'thoughts') return spoken;
  const answer = JSON.parse(spoken.chunks.join(''));
  const { message } = answer.choices[0];
  message.content = String(message.content).replace(/^<think>[\s\S]*<\/think>\s*/, '');
  message.reasoning = 'They want an answer.';
  return { ...spoken, chunks: [JSON.stringify(answer)] };
}

function ollamaError(status: number, { message }: ErrorDetail = {}): Answer {
  const type = status === 404 ? 'not_found_error' : status < 500 ? 'invalid_request_error' : 'api_error';
  return jsonAnswer(status, { error: { message: message ?? '[simulated] error', type, param: null, code: null } });
}
