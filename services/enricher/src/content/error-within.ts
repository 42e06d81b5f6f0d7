import { isGivenUp } from './ends.ts';
import { listOf, type Members, membersOf } from './members.ts';

/** A gateway's 200 with an error inside: the error's status and body. */
export interface ErrorWithin {
  status: number;
  body: string;
}

export function errorWithin(answer: Members): ErrorWithin | undefined {
  const [choice] = listOf(answer.choices).map(membersOf);
  const end = choice?.finish_reason;
  // vLLM and Mistral put an error's members at the top.
  const given = [answer.error, choice?.error, isError(answer) ? answer : undefined, ofMiniMax(answer), bare(answer)]
    .map(errorOf)
    .find(Boolean);
  const error = given ?? (isGivenUp(end) ? { code: end } : undefined);
  return error === undefined ? undefined : { status: statusOf(error), body: JSON.stringify({ error }) };
}

/** Gateways' own: `errors`, or a code of HTTP with a message, in place of an answer. */
function bare({ choices, content, errors, code, status, message, msg }: Members): unknown {
  if ((choices ?? content ?? undefined) !== undefined) return undefined;
  if (Array.isArray(errors)) return errors;
  const isStatus = [code, status].map(Number).some((number) => number >= 400 && number < 600);
  return isStatus ? { code: Number(code) >= 400 ? code : status, message: message ?? msg } : undefined;
}

/** MiniMax' own codes, and a status that says the same; 0 if all is well. */
const MINIMAX: Readonly<Record<number, number>> = { 1002: 429, 1004: 401, 1008: 402, 1039: 400, 2013: 400, 2049: 401 };
const SENSITIVE = new Set([1026, 1027]);

function ofMiniMax({ base_resp: said }: Members): Members | undefined {
  const { status_code: code } = membersOf(said);
  if (typeof code !== 'number' || code === 0) return undefined;
  return SENSITIVE.has(code) ? { code: 'content_filter' } : { code: MINIMAX[code] ?? 502 };
}

const isError = ({ object, type }: Members): boolean => object === 'error' || type === 'error';

/** Undefined for null, false, and an empty text, list or object. */
function errorOf(given: unknown): Members | undefined {
  if (typeof given === 'string') return given === '' ? undefined : { message: given };
  if (given === true) return {};
  const error = Array.isArray(given) ? given[0] : given;
  if (typeof error === 'string') return { message: error };
  return Object.keys(membersOf(error)).length === 0 ? undefined : membersOf(error);
}

/** Words in vendors' error codes and types, and their status. */
const WORDS: [RegExp, number][] = [
  [/insufficient_quota|billing|credit/i, 402],
  [/rate_limit|too_many|throttl|resource_exhausted/i, 429],
  [/overloaded/i, 529],
  [/authentication|api_key|unauthorized/i, 401],
  [/permission|forbidden/i, 403],
  [/not_found/i, 404],
  [/invalid|bad_?request|content_filter|policy|unsupported|too_large|context_length/i, 400],
];

function statusOf({ code, type, status, message }: Members): number {
  const numbers = [code, status].map(Number).filter((number) => number >= 400 && number < 600);
  if (numbers[0] !== undefined) return numbers[0];
  const named = [code, type, status].filter((word) => typeof word === 'string').join(' ');
  const words = named === '' && typeof message === 'string' ? message.slice(0, 500).replaceAll(' ', '_') : named;
  return WORDS.find(([word]) => word.test(words))?.[1] ?? 502;
}
