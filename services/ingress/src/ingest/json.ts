import { isUtf8 } from 'node:buffer';
import { type Refusal, refuse } from '../http/refusal.ts';

/** How deep arrays and objects may nest, the outermost counted. */
export const MAX_DEPTH = 32;
/** How many members and elements a body may have in all. */
export const MAX_MEMBERS = 20_000;

/** A body that is a JSON object; apart from a refusal whatever its members are called. */
export interface ParsedBody {
  object: Record<string, unknown>;
}

/** The body as a JSON object, or why it is none: UTF-8, JSON, bounded depth and size, no member named twice (RFC 8259, I-JSON). */
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
  const count: Count = { members: 0, elements: 0 };
  const fault = findFault(value, 0, count);
  if (fault !== null) return refuse(fault);
  // Of members with one name JSON.parse keeps the last: there are fewer of them in the value than in the text.
  if (countMembers(body) !== count.members) return refuse('json_key_repeated');
  return { object: value as Record<string, unknown> };
}

interface Count {
  members: number;
  elements: number;
}

/**
 * What is wrong with a value or one within it: too deep, too many, or nothing that I-JSON (RFC 7493) allows: half of a surrogate
 * pair, a number that a double cannot hold. RFC 8785 has no canonical form for these, so a repeat of such an event could not be
 * told from another event. `depth` is that of what stands around the value.
 */
function findFault(value: unknown, depth: number, count: Count): 'json_too_complex' | 'body_not_json' | null {
  if (typeof value === 'string') return value.isWellFormed() ? null : 'body_not_json';
  if (typeof value === 'number') return Number.isFinite(value) ? null : 'body_not_json';
  if (typeof value !== 'object' || value === null) return null;
  if (depth === MAX_DEPTH) return 'json_too_complex';
  if (Array.isArray(value)) {
    count.elements += value.length;
    if (count.members + count.elements > MAX_MEMBERS) return 'json_too_complex';
    for (const element of value) {
      const fault = findFault(element, depth + 1, count);
      if (fault !== null) return fault;
    }
    return null;
  }
  const object = value as Record<string, unknown>;
  for (const name in object) {
    count.members++;
    if (count.members + count.elements > MAX_MEMBERS) return 'json_too_complex';
    if (!name.isWellFormed()) return 'body_not_json';
    const fault = findFault(object[name], depth + 1, count);
    if (fault !== null) return fault;
  }
  return null;
}

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** How many members the objects of a text have, each repeated one counted too. `json` must be valid JSON. */
function countMembers(json: Buffer): number {
  let members = 0;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === QUOTE) at = endOfString(json, at);
    else if (byte === COLON) members++;
  }
  return members;
}

/** The index of the quote that ends the string beginning at `start`. */
function endOfString(json: Buffer, start: number): number {
  let end = json.indexOf(QUOTE, start + 1);
  while (precedingBackslashes(json, end) % 2 === 1) end = json.indexOf(QUOTE, end + 1);
  return end;
}

function precedingBackslashes(json: Buffer, end: number): number {
  let count = 0;
  while (json[end - 1 - count] === BACKSLASH) count++;
  return count;
}
