/** The explicit nothing of `default: ""`. */
export class Blank {
  toString(): string {
    return '';
  }
}

/** Joins a list's values that are not empty with `, `, writes an object as JSON, and nothing for a missing value. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null || value instanceof Blank) return '';
  if (Array.isArray(value))
    return value
      .map(textOf)
      .filter((text) => text !== '')
      .join(', ');
  if (isPlainObject(value)) return JSON.stringify(value);
  // PHP and most vendors refuse JSON with an unpaired surrogate.
  return String(value).toWellFormed();
}

export function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name.toWellFormed(), wellFormed(member)]));
}

/** Blanks, control and format characters, and fillers that count as letters. */
const UNSEEN = /[\s\p{Cc}\p{Cf}\u115f\u1160\u2800\u3164\uffa0]/gu;

/** True for invisible texts, objects without members, and lists of such. */
export function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isEmpty);
  if (isPlainObject(value)) return Object.keys(value).length === 0;
  return textOf(value).replaceAll(UNSEEN, '') === '';
}

/** Whatever its members are called. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
