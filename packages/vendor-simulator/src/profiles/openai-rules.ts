import { type Answer, jsonAnswer } from '../endpoints.ts';
import { type Json, member } from '../json.ts';
import { formatOf, messagesOf, numberOf } from './chat.ts';
import { contentText } from './completion.ts';
import { strictFault } from './strict-schema.ts';

export interface Refused {
  message: string;
  param: string | null;
  code: string | null;
}

/** In OpenAI's words; undefined if it refuses nothing. */
export function faultOf(
  body: Json,
  { isReasoning, roles }: { isReasoning: boolean; roles?: ReadonlySet<string> | undefined },
): Refused | undefined {
  const unknown = Object.keys((body ?? {}) as object).find((name) => !KNOWN.has(name));
  if (unknown !== undefined)
    return { message: `Unrecognized request argument supplied: ${unknown}`, param: null, code: null };
  return (
    messagesFault(body) ??
    roleFault(body, roles) ??
    boundFault(body, isReasoning) ??
    samplingFault(body, isReasoning) ??
    formatFault(body)
  );
}

const KNOWN = new Set([
  ...[
    'model',
    'messages',
    'max_tokens',
    'max_completion_tokens',
    'temperature',
    'top_p',
    'n',
    'stream',
    'stream_options',
  ],
  ...[
    'stop',
    'presence_penalty',
    'frequency_penalty',
    'logit_bias',
    'logprobs',
    'top_logprobs',
    'user',
    'seed',
    'tools',
  ],
  ...['tool_choice', 'parallel_tool_calls', 'response_format', 'reasoning_effort', 'store', 'metadata', 'service_tier'],
  ...['modalities', 'audio', 'prediction', 'verbosity', 'prompt_cache_key', 'safety_identifier', 'web_search_options'],
]);

function messagesFault(body: Json): Refused | undefined {
  const messages = messagesOf(body);
  if (messages.length > 0) return undefined;
  if (member(body, 'messages') === undefined) return missing('messages');
  return {
    message:
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
    param: 'messages',
    code: 'empty_array',
  };
}

/** The first reasoning models take instructions only in the question. */
function roleFault(body: Json, roles: ReadonlySet<string> | undefined): Refused | undefined {
  const said = messagesOf(body).map((message) => String(member(message, 'role')));
  const index = roles === undefined ? -1 : said.findIndex((role) => !roles.has(role));
  if (index < 0) return undefined;
  const param = `messages[${index}].role`;
  return {
    message: `Unsupported value: '${param}' does not support '${said[index]}' with this model.`,
    param,
    code: 'unsupported_value',
  };
}

function boundFault(body: Json, isReasoning: boolean): Refused | undefined {
  const [old, bound] = [numberOf(body, 'max_tokens'), numberOf(body, 'max_completion_tokens')];
  if (old !== undefined && isReasoning)
    return {
      message:
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      param: 'max_tokens',
      code: 'unsupported_parameter',
    };
  if (old === undefined || bound === undefined) return undefined;
  return {
    message: "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
    param: 'max_tokens',
    code: 'invalid_parameter_combination',
  };
}

function samplingFault(body: Json, isReasoning: boolean): Refused | undefined {
  const temperature = numberOf(body, 'temperature');
  if (temperature === undefined) return undefined;
  if (isReasoning && temperature !== 1)
    return {
      message: `Unsupported value: 'temperature' does not support ${temperature} with this model. Only the default (1) value is supported.`,
      param: 'temperature',
      code: 'unsupported_value',
    };
  if (temperature >= 0 && temperature <= 2) return undefined;
  return {
    message: `Invalid 'temperature': decimal ${temperature < 0 ? 'below minimum' : 'above maximum'} value. Expected a value ${temperature < 0 ? '>= 0' : '<= 2'}, but got ${temperature} instead.`,
    param: 'temperature',
    code: temperature < 0 ? 'decimal_below_min_value' : 'decimal_above_max_value',
  };
}

function formatFault(body: Json): Refused | undefined {
  const format = formatOf(body);
  if (format === 'text') return undefined;
  if (format === 'json') {
    const said = messagesOf(body).map((message) => contentText(member(message, 'content')));
    if (said.some((text) => /json/i.test(text))) return undefined;
    return {
      message: "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
      param: 'messages',
      code: null,
    };
  }
  const asked = member(member(body, 'response_format'), 'json_schema');
  const name = member(asked, 'name');
  if (typeof name !== 'string') return missing('response_format.json_schema.name');
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(name))
    return {
      message: `Invalid 'response_format.json_schema.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
      param: 'response_format.json_schema.name',
      code: 'invalid_value',
    };
  const fault = member(asked, 'strict') === true ? strictFault(member(asked, 'schema')) : undefined;
  if (fault === undefined) return undefined;
  return { message: `Invalid schema for response_format '${name}': ${fault}`, param: 'response_format', code: null };
}

const missing = (param: string): Refused => ({
  message: `Missing required parameter: '${param}'.`,
  param,
  code: 'missing_required_parameter',
});

export const refuse = (status: number, { message, param, code }: Refused): Answer =>
  jsonAnswer(status, { error: { message, type: 'invalid_request_error', param, code } });
