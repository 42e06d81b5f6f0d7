import type { LlmStep } from '../automations/compile.ts';
import type { LlmVendor } from '../automations/vendors.ts';
import type { Dialect } from '../model.ts';
import { closed, isStrict } from './wire-schema.ts';

type Body = Record<string, unknown>;

export interface Wanted {
  provider: LlmVendor['provider'];
  answer: LlmStep['answer'];
  dialect: Dialect;
}

/**
 * Adds to the SDK's request what the SDK does not do: the vendor's dialect, OpenAI's JSON mode with the word that
 * OpenAI requires, and schemas (the SDK's own JSON output would turn a malformed answer into an error that carries it).
 */
export function adjustedBody(made: Body, wanted: Wanted): Body {
  const { dialect, provider, answer } = wanted;
  const { max_tokens, max_completion_tokens, temperature, ...rest } = made;
  const most = max_completion_tokens ?? max_tokens;
  const field = dialect.boundField ?? (max_completion_tokens === undefined ? 'max_tokens' : 'max_completion_tokens');
  const asked = provider === 'anthropic' ? rest : { ...rest, ...inRole(rest.messages, dialect.instructions) };
  const body: Body = {
    ...asked,
    ...(most === undefined ? {} : { [provider === 'anthropic' ? 'max_tokens' : field]: most }),
    ...(temperature === undefined || !dialect.takesTemperature ? {} : { temperature }),
  };
  if (answer === 'text') return body;
  if (provider === 'anthropic') return forAnthropic(body, answer, dialect);
  return forChat(body, answer, dialect);
}

/** Moves the leading instructions to another role; for `user` they become a part of the question. */
function inRole(given: unknown, role: Dialect['instructions']): { messages?: Body[] } {
  const messages = Array.isArray(given) ? (given as Body[]) : [];
  const [first, question, ...others] = messages;
  if (role === undefined || first === undefined || !isInstruction(first)) return {};
  if (role !== 'user') return { messages: [{ ...first, role }, ...messages.slice(1)] };
  if (question === undefined) return { messages: [{ ...first, role }] };
  const text = { type: 'text', text: `${String(first.content)}\n\n` };
  const { content } = question;
  const joined = Array.isArray(content) ? [text, ...content] : `${text.text}${String(content)}`;
  return { messages: [{ ...question, content: joined }, ...others] };
}

const isInstruction = ({ role }: Body): boolean => role === 'system' || role === 'developer';

function forChat(body: Body, answer: Exclude<LlmStep['answer'], 'text'>, { json, instructions }: Dialect): Body {
  if (typeof answer === 'object' && json === 'schema') {
    const { schema } = answer;
    const asked = { name: 'answer', schema, strict: isStrict(schema) };
    return { ...body, response_format: { type: 'json_schema', json_schema: asked } };
  }
  const messages = Array.isArray(body.messages) ? (body.messages as Body[]) : [];
  const isSaid = typeof answer === 'string' && /json/i.test(JSON.stringify(messages));
  const told = isSaid ? messages : instructed(messages, inWords(answer));
  return {
    ...body,
    // The text may have made new instructions.
    ...{ messages: told, ...inRole(told, instructions) },
    ...(json === 'words' ? {} : { response_format: { type: 'json_object' } }),
  };
}

/** Model servers accept a system message only as the first: appends the text to an existing one. */
function instructed(messages: Body[], text: string): Body[] {
  const [first, ...others] = messages;
  if (first === undefined || !isInstruction(first) || typeof first.content !== 'string')
    return [{ role: 'system', content: text }, ...messages];
  return [{ ...first, content: `${first.content}\n\n${text}` }, ...others];
}

function forAnthropic(body: Body, answer: Exclude<LlmStep['answer'], 'text'>, { json }: Dialect): Body {
  if (typeof answer === 'object' && json === 'schema')
    return { ...body, output_config: { format: { type: 'json_schema', schema: closed(answer.schema) } } };
  const said = Array.isArray(body.system) ? body.system : [];
  return { ...body, system: [...said, { type: 'text', text: inWords(answer) }] };
}

const inWords = (answer: Exclude<LlmStep['answer'], 'text'>): string =>
  typeof answer === 'string'
    ? 'Answer in JSON.'
    : `Answer only with JSON that this JSON Schema describes:\n${JSON.stringify(answer.schema)}`;
