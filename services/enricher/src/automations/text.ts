import { ExactNumber } from '@pressferry/contracts';

/** What `default: ""` gives: nothing, and meant so. */
export class Blank {
  toString(): string {
    return '';
  }
}

/** What a template writes for a value: a list's members with `, ` between them, an object as JSON, nothing for what is missing. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null || value instanceof Blank) return '';
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  if (isPlainObject(value)) return JSON.stringify(value);
  // Half of a surrogate pair is not a character: JSON with one is refused by PHP and by most vendors.
  return String(value).toWellFormed();
}

/** A value with every text and member name well-formed. */
export function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name.toWellFormed(), wellFormed(member)]));
}

const isPlainObject = (value: unknown): value is object =>
  typeof value === 'object' &&
  value !== null &&
  !(value instanceof ExactNumber) &&
  Object.prototype.toString.call(value) === '[object Object]' &&
  !('toLiquid' in value);
