import { createHash } from 'node:crypto';
import type { Saying } from '../endpoints.ts';
import { type Json, member } from '../json.ts';

export const CREATED_S = 1_780_000_000;
const EXCERPT_CHARACTERS = 120;

/** Deterministic, and labelled as simulated. */
export interface Spoken {
  text: string;
  /** In OpenAI's words. */
  reason: 'stop' | 'length' | 'content_filter' | 'tool_calls';
  promptTokens: number;
  completionTokens: number;
}

export interface Asked {
  prompt: string;
  /** The requested JSON's schema; `json` allows any. */
  format: { schema: Json } | 'json' | 'text';
  /** In tokens. */
  bound: number | undefined;
  says: Saying | undefined;
}

/** Cuts an answer beyond its bound in the middle, as every vendor does. */
export function speak({ prompt, format, bound, says }: Asked): Spoken {
  const promptTokens = tokensOf(prompt);
  const whole = textOf(prompt, format, says);
  const most = says === 'cut' ? Math.floor(tokensOf(whole) / 2) : (bound ?? Number.POSITIVE_INFINITY);
  const isCut = tokensOf(whole) > most;
  const text = isCut ? whole.slice(0, Math.max(0, most * 4)) : whole;
  return {
    text: says === 'filtered' ? text.slice(0, 12) : text,
    reason: isCut ? 'length' : ((says && REASONS[says]) ?? 'stop'),
    promptTokens,
    completionTokens: tokensOf(text),
  };
}

const REASONS: Partial<Record<Saying, Spoken['reason']>> = { filtered: 'content_filter', tool_call: 'tool_calls' };

function textOf(prompt: string, format: Asked['format'], says: Saying | undefined): string {
  const summary = summarise(prompt);
  const text = format === 'text' ? summary : JSON.stringify(jsonOf(format, summary, says));
  if (says === 'nothing') return '';
  if (says === 'thoughts') return `<think>\nThey want {"an": "answer"}.\n</think>\n\n${text}`;
  return says === 'fenced' ? `Here it is:\n\`\`\`json\n${text}\n\`\`\`\nAnything else?` : text;
}

function jsonOf(format: Exclude<Asked['format'], 'text'>, summary: string, says: Saying | undefined): unknown {
  if (says === 'off_schema') return { unexpected: summary };
  return format === 'json' ? { summary } : exampleOf(format.schema, summary);
}

function exampleOf(schema: Json | undefined, text: string): unknown {
  const [first] = (member(schema, 'enum') as Json[] | undefined) ?? [];
  if (first !== undefined) return first;
  const type = [member(schema, 'type')].flat()[0];
  if (type === 'object') {
    const properties = member(schema, 'properties');
    const members = typeof properties === 'object' && properties !== null ? Object.entries(properties) : [];
    return Object.fromEntries(members.map(([name, of]) => [name, exampleOf(of, text)]));
  }
  if (type === 'array') return [exampleOf(member(schema, 'items'), text)];
  if (type === 'integer' || type === 'number') return member(schema, 'minimum') ?? 1;
  if (type === 'boolean') return true;
  if (type === 'null') return null;
  const longest = member(schema, 'maxLength');
  return typeof longest === 'number' ? text.slice(0, longest) : text;
}

function summarise(prompt: string): string {
  const words = materialOf(prompt).trim().split(/\s+/).filter(Boolean);
  const excerpt = words.join(' ').slice(0, EXCERPT_CHARACTERS).trimEnd();
  return `[simulated] Summary of ${words.length} words (${digest(prompt)}): ${excerpt}`;
}

const MARKED = /<<([0-9a-f]{16})>>(.*?)<<\/\1>>/gs;

/** The marked values of a prompt, without the instructions around them. */
function materialOf(prompt: string): string {
  const marked = [...prompt.matchAll(MARKED)].map(([, , text = '']) => text.trim());
  // The rule names both delimiters: "Text between … and … comes from visitors".
  const values = marked.filter((text) => text !== 'and' && text !== '');
  return values.length === 0 ? prompt.replaceAll(/<<\/?[0-9a-f]{16}>>/g, '') : values.join(' ');
}

/** A text, or a list of parts. */
export function contentText(content: Json | undefined): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part) => member(part, 'text'))
    .filter((text) => typeof text === 'string')
    .join('\n');
}

// OpenAI's rule of thumb: four characters a token.
export const tokensOf = (text: string): number => Math.ceil(text.length / 4);

export const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);
