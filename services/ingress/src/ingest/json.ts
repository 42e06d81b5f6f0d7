import { isUtf8 } from 'node:buffer';
import { withExactNames } from '@pressferry/contracts';
import { type Refusal, refuse } from '../model.ts';

/** Nesting of arrays and objects, the outermost counted. */
export const MAX_DEPTH = 32;
export const MAX_MEMBERS = 20_000;

/** Wrapped, so a member's name cannot make it look like a refusal. */
export interface ParsedBody {
  object: Record<string, unknown>;
}

/** Refuses what is not UTF-8, not JSON, too deep or too large, or names a member twice (RFC 8259, I-JSON). */
export function parseBody(body: Buffer): ParsedBody | Refusal {
  if (body.length === 0) return refuse('body_empty');
  if (!isUtf8(body)) return refuse('body_not_utf8');
  const text = body.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('body_not_json');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('envelope_invalid', { errors: [{ pointer: '', rule: 'type' }] });
  }
  const fault = findFault(text);
  if (fault !== null) return refuse(fault);
  const object = withExactNames(text, value) as Record<string, unknown>;
  return isInteroperable(object) ? { object } : refuse('body_not_json', { detail: NOT_INTEROPERABLE });
}

/** The only refused case that parses. */
const NOT_INTEROPERABLE = 'half of a surrogate pair, or a number beyond a double';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Finds what JSON.parse lets pass. `json` must be valid. Reads names from the text, because JSON.parse may mistake one
 * (see `withExactNames`).
 */
function findFault(json: string): 'json_too_complex' | 'json_key_repeated' | null {
  // The names of each open object; null for an open array.
  const open: (Set<string> | null)[] = [];
  let names: Set<string> | null = null;
  let members = 0;
  let stringStart = 0;
  let stringEnd = 0;
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case QUOTE:
        stringStart = at;
        at = endOfString(json, at);
        stringEnd = at;
        break;
      case COLON: {
        members++;
        const name = memberName(json, stringStart, stringEnd);
        if (names?.has(name)) return 'json_key_repeated';
        names?.add(name);
        break;
      }
      case COMMA:
        // An object's members are counted by their colons.
        if (names === null) members++;
        break;
      case OPEN_OBJECT:
        names = new Set();
        open.push(names);
        break;
      case OPEN_ARRAY:
        if (!isEmptyArray(json, at)) members++;
        names = null;
        open.push(names);
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        open.pop();
        names = open[open.length - 1] ?? null;
        break;
    }
    if (members > MAX_MEMBERS || open.length > MAX_DEPTH) return 'json_too_complex';
  }
  return null;
}

const BLANKS: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

function isEmptyArray(json: string, start: number): boolean {
  let next = start + 1;
  while (BLANKS.has(json.charCodeAt(next))) next++;
  return json.charCodeAt(next) === CLOSE_ARRAY;
}

/** The index of the closing quote of the string that begins at `start`. */
function endOfString(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  while (precedingBackslashes(json, end) % 2 === 1) end = json.indexOf('"', end + 1);
  return end;
}

function precedingBackslashes(json: string, end: number): number {
  let count = 0;
  while (json.charCodeAt(end - 1 - count) === BACKSLASH) count++;
  return count;
}

/** Resolves escapes: `"a"` and `"\\u0061"` are the same name. */
function memberName(json: string, start: number, end: number): string {
  const raw = json.slice(start + 1, end);
  return raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
}

/**
 * I-JSON (RFC 7493): no unpaired surrogate, no number beyond a double. RFC 8785 has no canonical form for these, so a
 * repeat could not be told from another event.
 */
function isInteroperable(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isInteroperable);
  const object = value as Record<string, unknown>;
  for (const name in object) {
    if (!name.isWellFormed() || !isInteroperable(object[name])) return false;
  }
  return true;
}
