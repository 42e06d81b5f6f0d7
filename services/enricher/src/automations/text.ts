/** The explicit nothing of `default: ""`. */
export class Blank {
  toString(): string {
    return '';
  }
}

/** Joins what is not empty of a list with `, `, writes an object as JSON, and nothing for a missing value. */
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

/** What shows nothing: blanks, control and format characters, and fillers that are letters by their class. */
const UNSEEN = /[\s\p{Cc}\p{Cf}\u115f\u1160\u2800\u3164\uffa0]/gu;

/** True for what stands for no thing: nothing that can be seen, an object without members, a list of such. */
export function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isEmpty);
  if (isPlainObject(value)) return Object.keys(value).length === 0;
  return textOf(value).replaceAll(UNSEEN, '') === '';
}

/** An object of JSON: whatever names its members have, it is of no class. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
