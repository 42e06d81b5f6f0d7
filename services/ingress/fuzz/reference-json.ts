/** What the reference reader makes of a text: a value with what it counted, or that it is not JSON. */
export type ReferenceJson =
  | { kind: 'invalid' }
  | {
      kind: 'json';
      value: unknown;
      isObject: boolean;
      depth: number;
      members: number;
      repeats: boolean;
      isInteroperable: boolean;
    };

const LITERALS = ['true', 'false', 'null'];
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const STRING = /"(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const BLANK = /[ \t\n\r]*/y;

/**
 * Reads JSON by the grammar of RFC 8259, one production a function, and counts what bodies are bounded by. Written apart from the
 * code that it judges and from JSON.parse, and simple rather than fast.
 */
export function readReference(text: string): ReferenceJson {
  const reader = { text, at: 0, depth: 0, deepest: 0, members: 0, repeats: false, isInteroperable: true };
  try {
    skip(reader);
    const first = text[reader.at];
    const read = value(reader);
    if (reader.at !== text.length) throw new SyntaxError('more follows');
    const { deepest: depth, members, repeats, isInteroperable } = reader;
    return { kind: 'json', value: read, isObject: first === '{', depth, members, repeats, isInteroperable };
  } catch (error) {
    if (error instanceof SyntaxError) return { kind: 'invalid' };
    throw error;
  }
}

interface Reader {
  text: string;
  at: number;
  depth: number;
  deepest: number;
  members: number;
  repeats: boolean;
  /** Of I-JSON (RFC 7493): no half of a surrogate pair, no number beyond a double. */
  isInteroperable: boolean;
}

function take(reader: Reader, form: RegExp): string {
  form.lastIndex = reader.at;
  const found = form.exec(reader.text)?.[0];
  if (found === undefined) throw new SyntaxError('not here');
  reader.at += found.length;
  return found;
}

const skip = (reader: Reader): void => void take(reader, BLANK);

function expect(reader: Reader, literal: string): void {
  if (!reader.text.startsWith(literal, reader.at)) throw new SyntaxError(literal);
  reader.at += literal.length;
}

function value(reader: Reader): unknown {
  const next = reader.text[reader.at];
  let read: unknown;
  if (next === '{') read = object(reader);
  else if (next === '[') read = array(reader);
  else if (next === '"') read = string(reader);
  else if (next === 't' || next === 'f' || next === 'n') read = literal(reader, next);
  else {
    read = Number(take(reader, NUMBER));
    if (!Number.isFinite(read)) reader.isInteroperable = false;
  }
  skip(reader);
  return read;
}

function literal(reader: Reader, first: string): boolean | null {
  const word = LITERALS.find((known) => known[0] === first) ?? '';
  expect(reader, word);
  return word === 'null' ? null : word === 'true';
}

function object(reader: Reader): object {
  const entries: [string, unknown][] = [];
  const names = new Set<string>();
  list(reader, '{}', () => entries.push([name(reader, names), value(reader)]));
  return Object.fromEntries(entries);
}

function array(reader: Reader): unknown[] {
  const elements: unknown[] = [];
  list(reader, '[]', () => elements.push(value(reader)));
  return elements;
}

function list(reader: Reader, [open, close]: string, item: () => void): void {
  expect(reader, open ?? '');
  reader.deepest = Math.max(reader.deepest, ++reader.depth);
  skip(reader);
  if (reader.text[reader.at] !== close) {
    for (let isFirst = true; isFirst || reader.text[reader.at] === ','; isFirst = false) {
      if (!isFirst) expect(reader, ',');
      skip(reader);
      item();
      reader.members++;
    }
  }
  expect(reader, close ?? '');
  reader.depth--;
}

function name(reader: Reader, names: Set<string>): string {
  const read = string(reader);
  if (names.has(read)) reader.repeats = true;
  names.add(read);
  skip(reader);
  expect(reader, ':');
  skip(reader);
  return read;
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

function string(reader: Reader): string {
  const raw = take(reader, STRING).slice(1, -1);
  if (raw.split('').some((unit) => unit < ' ')) throw new SyntaxError('a control character');
  const read = raw.replace(/\\(?:u(.{4})|(.))/g, (_all, hex?: string, letter = '') =>
    hex === undefined ? (ESCAPES[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
  if (!read.isWellFormed()) reader.isInteroperable = false;
  return read;
}
