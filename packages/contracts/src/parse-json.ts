/**
 * A name that is one escape, as in `"\u00e9":` or `"\n":`; or a string's content that looks like it.
 */
const ONE_ESCAPE_NAME = /"\\(?:u[0-9a-fA-F]{4}|[^u])"[ \t\r\n]*:/;
const STRING_TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"([ \t\r\n]*:)?/g;
/** Digits or an exponent that may exceed a double; or a string's content that looks like it. */
const LONG_NUMBER = /[\d.]{16}|\d[eE][+-]?\d{3}/;

type Parse = (text: string) => unknown;

/**
 * JSON.parse with names as in the text (see `withExactNames`), and an `ExactNumber` for each number whose digits a
 * double would change. Throws a SyntaxError.
 */
export function parseJson(text: string): unknown {
  const parse: Parse = LONG_NUMBER.test(text) ? parseExactly : JSON.parse;
  return withExactNames(text, parse(text), parse);
}

/** Keeps the digits of a number beyond a double, such as a 64-bit id. */
export class ExactNumber {
  readonly digits: string;

  constructor(digits: string) {
    this.digits = digits;
  }

  toString(): string {
    return this.digits;
  }

  toJSON(): unknown {
    return rawJson(this.digits);
  }

  // Templates compare values by these (LiquidJS' `Comparable`).
  equals(other: unknown): boolean {
    return compared(this, other) === 0;
  }

  gt(other: unknown): boolean {
    return compared(this, other) > 0;
  }

  geq(other: unknown): boolean {
    return compared(this, other) >= 0;
  }

  lt(other: unknown): boolean {
    return compared(this, other) < 0;
  }

  leq(other: unknown): boolean {
    return compared(this, other) <= 0;
  }
}

/** Compares every digit if both are whole; NaN if the other one is not a number. */
function compared({ digits }: ExactNumber, other: unknown): number {
  const said = other instanceof ExactNumber ? other.digits : other;
  if (typeof said !== 'number' && !(other instanceof ExactNumber)) return Number.NaN;
  if (WHOLE.test(digits) && (typeof said === 'number' ? Number.isInteger(said) : WHOLE.test(String(said)))) {
    const [one, two] = [BigInt(digits), BigInt(said as string | number)];
    return one === two ? 0 : one > two ? 1 : -1;
  }
  return digits === said ? 0 : Number(digits) - Number(said);
}

const WHOLE = /^-?\d+$/;

const { rawJSON: rawJson } = JSON as unknown as { rawJSON: (text: string) => unknown };

function parseExactly(text: string): unknown {
  const revive = (_name: string, value: unknown, { source }: { source?: string } = {}): unknown =>
    typeof value === 'number' && source !== undefined && !isHeld(value, source) ? new ExactNumber(source) : value;
  return JSON.parse(text, revive);
}

/** True if the double prints as its source; from 10^21 on it would print with an exponent. */
const isHeld = (value: number, source: string): boolean =>
  (Number.isSafeInteger(value) && value !== 0) ||
  (Math.abs(value) < 1e21 && significant(String(value)) === significant(source));

const significant = (digits: string): string =>
  (digits.split(/[eE]/, 1)[0] ?? '')
    .replaceAll(/[-.]/g, '')
    .replace(/^0+/, '')
    .replace(/(?<!0)0+$/, '');

/**
 * `value`, which `parse` made of `text`, with the names that the text gives. V8 (Node 24.21) can read a name that is
 * one escaped character as a backslash: `{"a":1,"\u0066":2}` then has the names `a` and `\`, depending on what the
 * process parsed before. Recursive: check the depth of `text` first.
 */
export function withExactNames(text: string, value: unknown, parse: Parse = JSON.parse): unknown {
  if (!ONE_ESCAPE_NAME.test(text)) return value;
  const names: string[] = [];
  const numbered = text.replace(STRING_TOKEN, (token: string, colon: string | undefined) =>
    colon === undefined ? token : `"n${names.push(JSON.parse(token.slice(0, -colon.length))) - 1}":`,
  );
  return renamed(parse(numbered), names);
}

function renamed(value: unknown, names: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return value;
  if (Array.isArray(value)) return value.map((element) => renamed(element, names));
  // Defines members, so one named __proto__ is ordinary.
  return Object.fromEntries(
    Object.entries(value).map(([number, member]) => [names[Number(number.slice(1))], renamed(member, names)]),
  );
}
