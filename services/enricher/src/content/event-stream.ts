import { parseAnswer } from './clean.ts';
import { listOf, type Members, membersOf } from './members.ts';

/** Some gateways send a stream of events unasked. */
export const isEventStream = (body: string): boolean => /^(?:data|event|id|retry)?:/.test(body.trimStart());

/** The answer that a stream of events amounts to; undefined if an event is not JSON. */
export function assembled(body: string, provider: 'openai' | 'anthropic'): Members | undefined {
  const lines = body.split(/\r?\n/);
  if (!lines.some((line) => line.startsWith('data:'))) return afterComments(lines);
  const parsed = dataOf(lines).flatMap((texts) => {
    // A value may go over several lines; some servers leave out the empty line between events.
    const whole = parseAnswer(texts.join('\n'));
    return whole === undefined ? texts.map(parseAnswer) : [whole];
  });
  if (parsed.length === 0 || parsed.includes(undefined)) return undefined;
  const events = parsed.map(membersOf);
  const failed = events.find(({ error }) => error !== undefined && error !== null);
  if (failed !== undefined) return failed;
  return provider === 'anthropic' ? message(events) : chat(events);
}

/** The lines of data of each event. */
function dataOf(lines: readonly string[]): string[][] {
  const events: string[][] = [[]];
  for (const line of lines) {
    const text = line.startsWith('data:') ? line.slice('data:'.length).trim() : undefined;
    if (line === '') events.push([]);
    else if (text !== undefined && text !== '' && text !== '[DONE]') events.at(-1)?.push(text);
  }
  return events.filter((texts) => texts.length > 0);
}

/** A plain answer behind comments that kept the connection open. */
const afterComments = (lines: readonly string[]): Members | undefined => {
  const parsed = parseAnswer(lines.filter((line) => !line.startsWith(':')).join('\n'));
  return parsed === undefined ? undefined : membersOf(parsed);
};

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
