/** A complete answer without a usable text: repeating the request would be paid for again. */
export type EndCode =
  | 'malformed_answer'
  | 'empty_answer'
  | 'answer_cut'
  | 'answer_filtered'
  | 'answer_refused'
  | 'answer_tool_call';

/** Vendors' finish reasons that the model did not choose, in lower case; a detail may follow a colon. */
const ENDS: [words: readonly string[], code: EndCode][] = [
  // OpenAI, Anthropic (whose pause_turn has more to say), Google, Mistral, Cohere.
  [
    ['length', 'max_tokens', 'model_length', 'max_length', 'max_output_tokens', 'incomplete', 'error_limit'],
    'answer_cut',
  ],
  [['model_context_window_exceeded', 'context_length_exceeded', 'pause_turn'], 'answer_cut'],
  // Watsonx.
  [['token_limit', 'time_limit', 'not_finished'], 'answer_cut'],
  // OpenAI and Azure, Google, Cohere, Zhipu, AWS.
  [
    ['content_filter', 'content_filtered', 'safety', 'recitation', 'blocklist', 'prohibited_content'],
    'answer_filtered',
  ],
  [['spii', 'image_safety', 'language', 'error_toxic', 'sensitive', 'guardrail_intervened'], 'answer_filtered'],
  [['model_armor', 'image_prohibited_content', 'image_recitation', 'moderation', 'blocked'], 'answer_filtered'],
  [['refusal', 'refused'], 'answer_refused'],
  // Google, AWS.
  [['malformed_response', 'malformed_model_output'], 'malformed_answer'],
  [['tool_calls', 'tool_call', 'tool_use', 'function_call'], 'answer_tool_call'],
  [
    ['malformed_function_call', 'unexpected_tool_call', 'too_many_tool_calls', 'malformed_tool_use'],
    'answer_tool_call',
  ],
];
const CODES = new Map(ENDS.flatMap(([words, code]) => words.map((word) => [word, code] as const)));

/** The server gave up (vLLM, DeepSeek, Zhipu, Cohere); a repeat may succeed. */
const GIVEN_UP = new Set([
  'error',
  'timeout',
  'abort',
  'aborted',
  'cancelled',
  'insufficient_system_resource',
  'network_error',
]);
/** The model's own ends. */
const STOPS = new Set(['end_turn', 'stop_sequence', 'eos', 'eos_token', 'complete', 'finish_reason_stop', 'end']);

const wordOf = (reason: string): string => reason.split(':', 1)[0]?.trim().toLowerCase() ?? '';

/** Undefined if the model chose to end. */
export const endCode = (reason: string): EndCode | undefined => CODES.get(wordOf(reason));

/** True if the server gave up. */
export const isGivenUp = (reason: unknown): reason is string =>
  typeof reason === 'string' && GIVEN_UP.has(wordOf(reason));

export const plainReason = (reason: string): string => (STOPS.has(wordOf(reason)) ? 'stop' : wordOf(reason));
