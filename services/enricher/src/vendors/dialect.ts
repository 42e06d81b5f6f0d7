import { parseAnswer } from '../content/clean.ts';
import type { Answer, Dialect } from '../model.ts';

/** A memory of vendors' refusals, by vendor and model; a process learns each thing once. */
export interface Dialects {
  of: (vendor: string, model: string, settings: Partial<Dialect>) => Dialect;
  learn: (vendor: string, model: string, learnt: Dialect) => void;
}

export function createDialects(): Dialects {
  const learnt = new Map<string, Dialect>();
  const key = (vendor: string, model: string): string => `${vendor} ${model}`;
  return {
    of: (vendor, model, settings) =>
      learnt.get(key(vendor, model)) ?? { boundField: undefined, takesTemperature: true, json: 'schema', ...settings },
    learn: (vendor, model, dialect) => void learnt.set(key(vendor, model), dialect),
  };
}

const REFUSED =
  /unsupported|not support|deprecated|not permitted|not allowed|unrecogni[sz]ed|unknown|invalid schema|extra input/i;
const LONGEST_BODY = 65_536;

/**
 * The dialect to ask in again, read from the refusal of a request; null if the refusal is about something else, or if this was sent in
 * that dialect already. A refusal of this kind comes before any work.
 */
export function adapted(dialect: Dialect, sent: Record<string, unknown>, answer: Answer): Dialect | null {
  if (answer.kind !== 'answered' || (answer.status !== 400 && answer.status !== 422)) return null;
  if (answer.body.length > LONGEST_BODY) return null;
  const { message, param } = complaintOf(answer.body);
  if (!REFUSED.test(message)) return null;
  const isAbout = (name: string): boolean => param === name || param.startsWith(`${name}.`) || message.includes(name);
  if ('temperature' in sent && isAbout('temperature')) return { ...dialect, takesTemperature: false };
  if ('max_tokens' in sent && isAbout('max_tokens') && sent.max_completion_tokens === undefined)
    return { ...dialect, boundField: 'max_completion_tokens' };
  if ('max_completion_tokens' in sent && isAbout('max_completion_tokens'))
    return { ...dialect, boundField: 'max_tokens' };
  const format = ['response_format', 'output_config', 'output_format', 'json_schema', 'json_object'].some(isAbout);
  if (!format || !('response_format' in sent || 'output_config' in sent)) return null;
  const isSchema = 'output_config' in sent || JSON.stringify(sent.response_format).includes('json_schema');
  return { ...dialect, json: isSchema && 'response_format' in sent ? 'object' : 'words' };
}

function complaintOf(body: string): { message: string; param: string } {
  const parsed = membersOf(parseAnswer(body));
  const error = typeof parsed.error === 'object' ? membersOf(parsed.error) : parsed;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return { message: text(error.message) || body.slice(0, 2_000), param: text(error.param) };
}

const membersOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
