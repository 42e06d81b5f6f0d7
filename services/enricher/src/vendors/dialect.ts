import { parseAnswer } from '../content/clean.ts';
import type { Answer, Dialect } from '../model.ts';

/** What vendors' refusals taught, by vendor and model; per process. */
export interface Dialects {
  of: (vendor: string, model: string, settings: Partial<Dialect>) => Dialect;
  learn: (vendor: string, model: string, learnt: Dialect) => void;
}

const USUAL: Dialect = { boundField: undefined, takesTemperature: true, instructions: undefined, json: 'schema' };

export function createDialects(): Dialects {
  const learnt = new Map<string, Dialect>();
  const key = (vendor: string, model: string): string => `${vendor} ${model}`;
  return {
    of: (vendor, model, settings) => learnt.get(key(vendor, model)) ?? { ...USUAL, ...settings },
    learn: (vendor, model, dialect) => void learnt.set(key(vendor, model), dialect),
  };
}

const REFUSED =
  /unsupported|n(?:o|')t (?:\w{1,20} )?(?:be )?support|deprecated|not permitted|not allowed|unrecogni[sz]ed|unknown|unexpected|invalid (?:schema|param|argument)|extra (?:input|field)/i;
/**
 * Refusals of one parameter: temperature by Moonshot; forms of JSON by LM Studio, DeepSeek and Azure; roles by servers.
 */
const NO_TEMPERATURE = /\bonly (?:the default|1\b)/i;
const NO_FORMAT = /must be|unavailable|enabled only|only (?:for|with|available)/i;
const NO_ROLE = /not one of|\bonly\b|must alternate|invalid value|input should be|not enabled/i;
const ROLE = /\broles?\b|(?:system|developer) (?:message|prompt|instruction)/i;
const FORMATS = ['response_format', 'response format', 'output_config', 'output_format', 'json_schema', 'json_object'];
const LONGEST_BODY = 65_536;

/**
 * The dialect to retry in, read from a refusal; null if the refusal is about something else or the request was in that
 * dialect already. Such a refusal precedes any work.
 */
export function adapted(dialect: Dialect, sent: Record<string, unknown>, answer: Answer): Dialect | null {
  if (answer.kind !== 'answered' || (answer.status !== 400 && answer.status !== 422)) return null;
  if (answer.body.length > LONGEST_BODY) return null;
  const { message, param } = complaintOf(answer.body);
  const isRefused = (also: RegExp): boolean => REFUSED.test(message) || also.test(message);
  const isAbout = (name: string): boolean => param === name || param.startsWith(`${name}.`) || message.includes(name);
  if ('temperature' in sent && isAbout('temperature'))
    return isRefused(NO_TEMPERATURE) ? { ...dialect, takesTemperature: false } : null;
  const role = roleOf(sent);
  if (role !== undefined && (param.startsWith('messages') || ROLE.test(message)) && isRefused(NO_ROLE))
    return { ...dialect, instructions: nextRole(dialect, role, message) };
  if ('max_tokens' in sent && isAbout('max_tokens') && sent.max_completion_tokens === undefined)
    return REFUSED.test(message) ? { ...dialect, boundField: 'max_completion_tokens' } : null;
  if ('max_completion_tokens' in sent && isAbout('max_completion_tokens'))
    return REFUSED.test(message) ? { ...dialect, boundField: 'max_tokens' } : null;
  if (!FORMATS.some(isAbout) || !('response_format' in sent || 'output_config' in sent) || !isRefused(NO_FORMAT))
    return null;
  const isSchema = 'output_config' in sent || JSON.stringify(sent.response_format).includes('json_schema');
  return { ...dialect, json: isSchema && 'response_format' in sent ? 'object' : 'words' };
}

/** Undefined if there were no instructions. */
function roleOf({ messages }: Record<string, unknown>): 'system' | 'developer' | undefined {
  const [first] = Array.isArray(messages) ? messages.map(membersOf) : [];
  return first?.role === 'system' || first?.role === 'developer' ? first.role : undefined;
}

/** The other role if the vendor knows it and it was not sent yet, else the question's. */
function nextRole(dialect: Dialect, refused: 'system' | 'developer', message: string): Dialect['instructions'] {
  const other = refused === 'system' ? 'developer' : 'system';
  return dialect.instructions === undefined && (other === 'system' || message.includes(other)) ? other : 'user';
}

function complaintOf(body: string): { message: string; param: string } {
  const parsed = membersOf(parseAnswer(body));
  const error = typeof parsed.error === 'object' ? membersOf(parsed.error) : parsed;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return { message: text(error.message) || body.slice(0, 2_000), param: text(error.param) };
}

const membersOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
