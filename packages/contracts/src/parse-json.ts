/** A member's name that is one escape and nothing else, as in `"\u00e9":` or `"\n":`; or, inside a string, what looks like it. */
const ONE_ESCAPE_NAME = /"\\(?:u[0-9a-fA-F]{4}|[^u])"[ \t\r\n]*:/;
const STRING_TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"([ \t\r\n]*:)?/g;
/** Digits or an exponent that may be more than a double holds; or, inside a string, what looks like it. */
const LONG_NUMBER = /\d{16}|\d[eE][+-]?\d{3}/;

type Parse = (text: string) => unknown;

/**
 * JSON.parse with every name as the text has it (see `withExactNames`), and with an `ExactNumber` for each number whose digits a double
 * would change. Throws a SyntaxError if the text is not JSON.
 */
export function parseJson(text: string): unknown {
  const parse: Parse = LONG_NUMBER.test(text) ? parseExactly : JSON.parse;
  return withExactNames(text, parse(text), parse);
}

/** A number that no double holds: a 64-bit id, say. It keeps its digits, as a text and in JSON. */
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
}

const { rawJSON: rawJson } = JSON as unknown as { rawJSON: (text: string) => unknown };

function parseExactly(text: string): unknown {
  const revive = (_name: string, value: unknown, { source }: { source?: string } = {}): unknown =>
    typeof value === 'number' && source !== undefined && !isHeld(value, source) ? new ExactNumber(source) : value;
  return JSON.parse(text, revive);
}

/** True if the double, written out, has the digits of its source; from 10^21 on it would be written with an exponent. */
const isHeld = (value: number, source: string): boolean =>
  Number.isSafeInteger(value) || (Math.abs(value) < 1e21 && significant(String(value)) === significant(source));

const significant = (digits: string): string =>
  (digits.split(/[eE]/, 1)[0] ?? '')
    .replaceAll(/[-.]/g, '')
    .replace(/^0+/, '')
    .replace(/(?<!0)0+$/, '');

/**
 * `value`, which `parse` made of `text`, with every member under the name that the text gives it. V8 (Node 24.21) can take a name
 * that is one escaped character for a backslash: `{"a":1,"\u0066":2}` then has the names `a` and `\`. Whether it does depends on what
 * the process parsed before. Recursive: how deep `text` nests must have been checked.
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
  // Defines members, so one named __proto__ is a member like others.
  return Object.fromEntries(
    Object.entries(value).map(([number, member]) => [names[Number(number.slice(1))], renamed(member, names)]),
  );
}
