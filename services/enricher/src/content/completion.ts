import { parseAnswer } from './clean.ts';
import { type EndCode, endCode, plainReason } from './ends.ts';
import { type ErrorWithin, errorWithin } from './error-within.ts';
import { assembled, isEventStream } from './event-stream.ts';
import { listOf, type Members, membersOf } from './members.ts';
import { withoutThoughts } from './thoughts.ts';
import { chatUsage, messageUsage, type Usage } from './usage.ts';

export interface Completion {
  text: string;
  finishReason: string;
  usage: Usage | undefined;
}

/** A complete answer without a usable text. */
export interface NoCompletion {
  code: EndCode;
  usage: Usage | undefined;
}

/**
 * Reads an OpenAI-like chat completion, or Anthropic's messages. Null if it is not JSON: a proxy's answer, or one of a
 * cut connection.
 */
export function readCompletion(
  body: string,
  provider: 'openai' | 'anthropic',
): Completion | NoCompletion | ErrorWithin | null {
  const parsed = isEventStream(body) ? assembled(body, provider) : parseAnswer(body);
  if (parsed === undefined) return null;
  const answer = membersOf(parsed);
  const error = errorWithin(answer);
  if (error !== undefined) return error;
  return provider === 'anthropic' ? readMessage(answer) : readChat(answer);
}

function readChat(answer: Members): Completion | NoCompletion {
  const usage = chatUsage(answer.usage);
  const choice = membersOf(listOf(answer.choices)[0]);
  if (choice.message === undefined)
    return { code: isPromptFiltered(answer) ? 'answer_filtered' : 'malformed_answer', usage };
  const { content, refusal, tool_calls: calls } = membersOf(choice.message);
  if ((typeof refusal === 'string' && refusal !== '') || isRefusal(content)) return { code: 'answer_refused', usage };
  const reason = typeof choice.finish_reason === 'string' ? choice.finish_reason : 'stop';
  const isCall = listOf(calls).length > 0;
  return judged({ text: textOfParts(content), reason: isCall && reason === 'stop' ? 'tool_calls' : reason, usage });
}

function readMessage(answer: Members): Completion | NoCompletion {
  const usage = messageUsage(answer.usage);
  if (!Array.isArray(answer.content)) return { code: 'malformed_answer', usage };
  const reason = typeof answer.stop_reason === 'string' ? answer.stop_reason : 'end_turn';
  return judged({ text: textOfParts(answer.content), reason, usage });
}

function judged({ text, reason, usage }: { text: string; reason: string; usage: Usage | undefined }) {
  const code = endCode(reason);
  if (code !== undefined) return { code, usage };
  const spoken = withoutThoughts(text);
  if (spoken.trim() === '') return { code: 'empty_answer' as const, usage };
  return { text: spoken, finishReason: plainReason(reason), usage };
}

/** Azure: no choice, and why. */
const isPromptFiltered = ({ prompt_filter_results: results }: Members): boolean =>
  JSON.stringify(results ?? null).includes('"filtered":true');

const isRefusal = (content: unknown): boolean =>
  listOf(content).some((part) => membersOf(part).type === 'refusal') && textOfParts(content).trim() === '';

function textOfParts(content: unknown): string {
  if (typeof content === 'string') return content;
  // Some gateways give JSON as what it says.
  if (content !== null && typeof content === 'object' && !Array.isArray(content)) return JSON.stringify(content);
  return listOf(content)
    .map(membersOf)
    .filter(
      ({ type, text }) => typeof text === 'string' && (type === undefined || type === 'text' || type === 'output_text'),
    )
    .map(({ text }) => text)
    .join('');
}
