import type { HttpStep } from '../automations/compile.ts';
import { cleaned, parseAnswer } from './clean.ts';

/** As the step's `answer` asks; undefined if it is not the JSON asked for. */
export function bodyOf(text: string, contentType: string, answer: HttpStep['answer']): unknown {
  if (answer === 'ignore') return null;
  if (answer === 'text') return text;
  if (answer === 'json') return parseAnswer(text);
  if (text.trim() === '') return null;
  // Many answer JSON as text/plain; there, a bare word or number stays text.
  const mayBeJson = /^application\/(?:[\w.+-]{1,60}\+)?json\b/i.test(contentType) || /^\ufeff?\s{0,100}[[{]/.test(text);
  const parsed = mayBeJson ? parseAnswer(text) : undefined;
  return parsed === undefined ? text : parsed;
}

export const httpOutput = (status: number, body: unknown, secrets: readonly string[]): string =>
  JSON.stringify({ status, body: cleaned(body, secrets) });
