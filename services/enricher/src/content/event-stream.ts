import { parseAnswer } from './clean.ts';
import { listOf, type Members, membersOf } from './members.ts';

/** Some gateways send a stream of events unasked. */
export const isEventStream = (body: string): boolean => /^\s{0,100}(?:data|event|id|retry)?:/.test(body);

/** The answer that a stream of events amounts to; undefined if an event is not JSON. */
export function assembled(body: string, provider: 'openai' | 'anthropic'): Members | undefined {
  const texts = body
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length).trim())
    .filter((text) => text !== '' && text !== '[DONE]');
  const parsed = texts.map(parseAnswer);
  if (parsed.length === 0 || parsed.includes(undefined)) return undefined;
  const events = parsed.map(membersOf);
  const failed = events.find(({ error }) => error !== undefined && error !== null);
  if (failed !== undefined) return failed;
  return provider === 'anthropic' ? message(events) : chat(events);
}

const lastOf = (values: unknown[]): unknown => values.findLast((value) => value !== undefined && value !== null);
const joined = (values: unknown[]): string => values.filter((value) => typeof value === 'string').join('');

/** A stream without an end was cut: its answer ends for that reason. */
function chat(events: Members[]): Members {
  const choices = events.map(({ choices }) => membersOf(listOf(choices)[0]));
  const deltas = choices.map(({ delta, message }) => membersOf(delta ?? message));
  const refusal = joined(deltas.map((delta) => delta.refusal));
  const calls = deltas.flatMap(({ tool_calls: called }) => listOf(called));
  return {
    choices: [
      {
        message: {
          content: joined(deltas.map(({ content }) => content)),
          ...(refusal === '' ? {} : { refusal }),
          ...(calls.length === 0 ? {} : { tool_calls: calls }),
        },
        finish_reason: lastOf(choices.map(({ finish_reason: reason }) => reason)) ?? 'length',
      },
    ],
    usage: lastOf(events.map(({ usage }) => usage)),
  };
}

function message(events: Members[]): Members {
  const deltas = events.map(({ delta }) => membersOf(delta));
  const usages = events.map(({ message, usage }) => ({ ...membersOf(membersOf(message).usage), ...membersOf(usage) }));
  return {
    content: [{ type: 'text', text: joined(deltas.map(({ text }) => text)) }],
    stop_reason: lastOf(deltas.map(({ stop_reason: reason }) => reason)) ?? 'max_tokens',
    usage: Object.assign({}, ...usages),
  };
}
