import { ExactNumber } from '@pressferry/contracts';

/** The explicit nothing of `default: ""`. */
export class Blank {
  toString(): string {
    return '';
  }
}

/** Joins a list with `, `, writes an object as JSON, and nothing for a missing value. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null || value instanceof Blank) return '';
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  if (isPlainObject(value)) return JSON.stringify(value);
  // PHP and most vendors refuse JSON with an unpaired surrogate.
  return String(value).toWellFormed();
}

/** Every text and member name becomes well-formed. */
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
