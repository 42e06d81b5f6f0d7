import { parseAnswer } from './clean.ts';

/** What a model answered, whatever its vendor's dialect. */
export interface Completion {
  text: string;
  finishReason: string;
  usage: Usage;
}

/** Tokens as the vendor counts them; `input` holds those of its cache. */
export interface Usage {
  input: number;
  output: number;
  cachedInput?: number;
  cacheWrite?: number;
}

/** Why a complete answer of a model is none: asked again the same way it would be paid for again. */
export interface NoCompletion {
  code: 'malformed_answer' | 'empty_answer' | 'answer_cut' | 'answer_filtered' | 'answer_refused' | 'answer_tool_call';
  usage: Usage;
}

/** An error that a gateway passed on under a 200: the status that it stands for, and its body. */
export interface ErrorWithin {
  status: number;
  body: string;
}

type Members = Record<string, unknown>;
const NOTHING: Members = {};

const membersOf = (value: unknown): Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : NOTHING;
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const countOf = (value: unknown): number => (typeof value === 'number' && value >= 0 ? value : 0);

/**
 * Reads the answer of an OpenAI-like chat completion, or of Anthropic's messages. Null if it is not JSON: then it is not an answer of the
 * vendor's, or not all of it, but a proxy's or what a cut connection left.
 */
export function readCompletion(
  body: string,
  provider: 'openai' | 'anthropic',
): Completion | NoCompletion | ErrorWithin | null {
  const parsed = parseAnswer(body);
  if (parsed === undefined) return null;
  const answer = membersOf(parsed);
  const error = errorWithin(answer);
  if (error !== undefined) return error;
  return provider === 'anthropic' ? readMessage(answer) : readChat(answer);
}

function errorWithin(answer: Members): ErrorWithin | undefined {
  const [choice] = listOf(answer.choices).map(membersOf);
  const given = answer.error ?? choice?.error ?? (choice?.finish_reason === 'error' ? {} : undefined);
  if (given === undefined || given === null || given === '') return undefined;
  const error = typeof given === 'string' ? { message: given } : membersOf(given);
  return { status: statusOf(error), body: JSON.stringify({ error }) };
}

/** Words in vendors' error codes and types, and the status that they stand for. */
const WORDS: [RegExp, number][] = [
  [/insufficient_quota|billing|credit/i, 402],
  [/rate_limit|too_many|throttl/i, 429],
  [/overloaded/i, 529],
  [/authentication|api_key|unauthorized/i, 401],
  [/permission|forbidden/i, 403],
  [/not_found/i, 404],
  [/invalid|content_filter|policy|unsupported|too_large|context_length/i, 400],
];

function statusOf({ code, type, status }: Members): number {
  const numbers = [code, status].map(Number).filter((number) => number >= 400 && number < 600);
  if (numbers[0] !== undefined) return numbers[0];
  const words = [code, type].filter((word) => typeof word === 'string').join(' ');
  return WORDS.find(([word]) => word.test(words))?.[1] ?? 502;
}

/** The reasons that vendors give for an end that is none of the model's own. */
const ENDS: Record<string, NoCompletion['code']> = {
  length: 'answer_cut',
  max_tokens: 'answer_cut',
  model_context_window_exceeded: 'answer_cut',
  content_filter: 'answer_filtered',
  refusal: 'answer_refused',
  tool_calls: 'answer_tool_call',
  function_call: 'answer_tool_call',
  tool_use: 'answer_tool_call',
};

function readChat(answer: Members): Completion | NoCompletion {
  const counts = membersOf(answer.usage);
  const cached = countOf(membersOf(counts.prompt_tokens_details).cached_tokens);
  const usage: Usage = {
    ...{ input: countOf(counts.prompt_tokens), output: countOf(counts.completion_tokens) },
    ...(cached === 0 ? {} : { cachedInput: cached }),
  };
  const choice = membersOf(listOf(answer.choices)[0]);
  if (choice === NOTHING || choice.message === undefined) return { code: 'malformed_answer', usage };
  const { content, refusal, tool_calls: calls } = membersOf(choice.message);
  if (typeof refusal === 'string' && refusal !== '') return { code: 'answer_refused', usage };
  const reason = typeof choice.finish_reason === 'string' ? choice.finish_reason : 'stop';
  const isCall = listOf(calls).length > 0;
  return judged({ text: textOfParts(content), reason: isCall && reason === 'stop' ? 'tool_calls' : reason, usage });
}

function readMessage(answer: Members): Completion | NoCompletion {
  const counts = membersOf(answer.usage);
  const [cachedInput, cacheWrite] = [counts.cache_read_input_tokens, counts.cache_creation_input_tokens].map(countOf);
  const usage: Usage = {
    input: countOf(counts.input_tokens) + (cachedInput ?? 0) + (cacheWrite ?? 0),
    output: countOf(counts.output_tokens),
    ...(cachedInput ? { cachedInput } : {}),
    ...(cacheWrite ? { cacheWrite } : {}),
  };
  if (!Array.isArray(answer.content)) return { code: 'malformed_answer', usage };
  const reason = typeof answer.stop_reason === 'string' ? answer.stop_reason : 'end_turn';
  return judged({ text: textOfParts(answer.content), reason, usage });
}

function judged({ text, reason, usage }: { text: string; reason: string; usage: Usage }) {
  const code = ENDS[reason];
  if (code !== undefined) return { code, usage };
  const spoken = withoutThoughts(text);
  if (spoken.trim() === '') return { code: 'empty_answer' as const, usage };
  return { text: spoken, finishReason: reason === 'end_turn' || reason === 'stop_sequence' ? 'stop' : reason, usage };
}

/** A text, or the texts among its parts. */
function textOfParts(content: unknown): string {
  if (typeof content === 'string') return content;
  return listOf(content)
    .map(membersOf)
    .filter(
      ({ type, text }) => typeof text === 'string' && (type === undefined || type === 'text' || type === 'output_text'),
    )
    .map(({ text }) => text)
    .join('');
}

const THOUGHTS = ['think', 'thinking', 'reasoning'];

/** Without one leading block of thoughts, which models that reason put before what they say; an unclosed one is all thoughts. */
function withoutThoughts(text: string): string {
  const said = text.trimStart();
  for (const name of THOUGHTS) {
    if (!said.startsWith(`<${name}>`)) continue;
    const end = said.indexOf(`</${name}>`);
    return end < 0 ? '' : said.slice(end + name.length + 3).trimStart();
  }
  return text;
}

/** The JSON in a text: all of it, or its one fenced block, for models fence JSON even if they are asked not to. */
export function jsonIn(text: string): unknown {
  const whole = parseAnswer(text);
  if (whole !== undefined) return whole;
  const [, first, ...rest] = text.split('```');
  if (first === undefined || rest.length > 1) return undefined;
  // The language comes after the fence.
  return parseAnswer(first.replace(/^[a-z0-9]{0,20}\s/i, ''));
}
