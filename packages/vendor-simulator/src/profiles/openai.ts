import {
  type Answer,
  type Call,
  type ErrorDetail,
  hasBearer,
  jsonAnswer,
  type VendorEndpoint,
  withHeaders,
} from '../endpoints.ts';
import { member } from '../json.ts';
import { completeChat, numberOf } from './chat.ts';
import { CREATED_S } from './completion.ts';
import { faultOf, refuse } from './openai-rules.ts';

// Reasoning models take neither `max_tokens` nor a temperature other than 1.
const REASONING = /^(o\d|gpt-5)/;
// They take neither a system message nor a developer's.
const WITHOUT_SYSTEM = /^o1-(mini|preview)/;
const TWO_ROLES = new Set(['user', 'assistant']);
const MODELS = ['simulated-1', 'gpt-5-simulated'];

const unauthorized = (call: Call): Answer | undefined => (hasBearer(call) ? undefined : openAiError(401));

/** Whole or streamed. */
export const chat: VendorEndpoint = {
  method: 'POST',
  path: '/v1/chat/completions',
  unauthorized,
  answer: (call) => withHeaders(complete(call), LIMITS),
  error: openAiError,
};

export const models: VendorEndpoint = {
  method: 'GET',
  path: '/v1/models',
  unauthorized,
  answer: () => jsonAnswer(200, { object: 'list', data: MODELS.map((id) => ({ id, ...MODEL })) }),
  error: openAiError,
};

const MODEL = { object: 'model', created: CREATED_S, owned_by: 'pressferry-simulator' };

function complete(call: Call): Answer {
  const { body, says } = call;
  const model = member(body, 'model');
  if (typeof model !== 'string')
    return refuse(400, { message: 'you must provide a model parameter', param: null, code: null });
  if (model.startsWith('absent'))
    return refuse(404, {
      message: `The model \`${model}\` does not exist or you do not have access to it.`,
      param: null,
      code: 'model_not_found',
    });
  const isReasoning = REASONING.test(model);
  const roles = WITHOUT_SYSTEM.test(model) ? TWO_ROLES : undefined;
  const fault = faultOf(body, { isReasoning, roles });
  if (fault !== undefined) return refuse(400, fault);
  // The form of gateways in front of OpenAI (OpenRouter).
  if (says === 'error') return jsonAnswer(200, { error: { message: 'Provider returned error', code: 502 } });
  return completeChat(call, model, numberOf(body, 'max_completion_tokens') ?? numberOf(body, 'max_tokens'));
}

const LIMITS = {
  'x-ratelimit-limit-requests': '10000',
  'x-ratelimit-limit-tokens': '2000000',
  'x-ratelimit-remaining-requests': '9999',
  'x-ratelimit-remaining-tokens': '1999000',
  'x-ratelimit-reset-requests': '6ms',
  'x-ratelimit-reset-tokens': '30ms',
};
const USED_UP = { ...LIMITS, 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1s' };

interface Said {
  message: string;
  type: string;
  code: string | null;
}
const ERRORS: Record<number, Said> = {
  401: {
    message:
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth.",
    type: 'invalid_request_error',
    code: null,
  },
  403: {
    message: 'Country, region, or territory not supported',
    type: 'request_forbidden',
    code: 'unsupported_country_region_territory',
  },
  429: {
    message: '[simulated] Rate limit reached for requests. Please try again in 1s.',
    type: 'requests',
    code: 'rate_limit_exceeded',
  },
  503: {
    message: '[simulated] The engine is currently overloaded, please try again later',
    type: 'server_error',
    code: null,
  },
};
const WITHOUT_MONEY: Said = {
  message: 'You exceeded your current quota, please check your plan and billing details.',
  type: 'insufficient_quota',
  code: 'insufficient_quota',
};

function openAiError(status: number, { message, code }: ErrorDetail = {}): Answer {
  const fallback = {
    message: '[simulated] error',
    type: status < 500 ? 'invalid_request_error' : 'server_error',
    code: code ?? null,
  };
  const known = code === 'insufficient_quota' ? WITHOUT_MONEY : (ERRORS[status] ?? fallback);
  const answer = jsonAnswer(status, { error: { ...known, ...(message ? { message } : {}), param: null } });
  return status === 429 && code === undefined ? withHeaders(answer, USED_UP) : answer;
}
