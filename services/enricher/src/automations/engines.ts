import { ExactNumber } from '@pressferry/contracts';
import { type Context, filters, Liquid, type Token, TokenKind } from 'liquidjs';
import { MARK_END, MARK_START, withoutInvisible } from './invisible.ts';
import { withoutSpecialTokens } from './special-tokens.ts';
import { Blank, isEmpty, textOf } from './text.ts';

/** A value inserted into a path, a header or an id is empty. */
export class EmptyValue extends Error {
  constructor() {
    super('an inserted value is empty');
  }
}

/** A filter counts with a whole number that a double does not hold. */
export class LongNumber extends Error {
  constructor() {
    super('a number beyond 2^53 cannot be counted with here: use CEL');
  }
}

const FILE_TAGS = ['include', 'render', 'layout', 'block'];
/** Applied to a list, they work on its text, as inserted lists do. */
const TEXT_FILTERS = [
  ...['append', 'prepend', 'capitalize', 'downcase', 'upcase', 'strip', 'lstrip', 'rstrip', 'squish', 'slugify'],
  ...[
    'strip_html',
    'strip_newlines',
    'newline_to_br',
    'normalize_whitespace',
    'number_of_words',
    'truncate',
    'truncatewords',
  ],
  ...['replace', 'replace_first', 'replace_last', 'remove', 'remove_first', 'remove_last'],
  ...[
    'escape',
    'escape_once',
    'xml_escape',
    'url_encode',
    'url_decode',
    'cgi_escape',
    'uri_escape',
    'base64_encode',
    'sha256',
  ],
];

/** They count in doubles, which would make another id of a long one. */
const COUNTING_FILTERS = [
  ...['abs', 'at_least', 'at_most', 'ceil', 'divided_by', 'floor', 'minus', 'modulo', 'plus', 'round', 'sum', 'times'],
] as const;
const isLongWhole = (value: unknown): boolean =>
  Array.isArray(value) ? value.some(isLongWhole) : value instanceof ExactNumber && /^-?\d+$/.test(value.digits);

type Filter = (this: FilterThis, value: unknown, ...args: unknown[]) => unknown;
interface FilterThis {
  context: Context;
  token?: { args: (Token | [string, Token])[] };
}

/** For prompts and bodies: values are inserted unchanged. */
export const textEngine = createEngine((value) => textOf(value));
function marked(text: string): string {
  if (text === '') return '';
  // Before tokens are looked for, which what cannot be seen would hide until it is left out.
  const seen = withoutInvisible(text.replaceAll(MARK_START, ' ').replaceAll(MARK_END, ' '));
  const plain = withoutSpecialTokens(seen);
  return `${MARK_START}${plain}${MARK_END}`;
}
/** For prompts whose inserted values are marked as untrusted. */
export const markingEngine = createEngine((value) => marked(textOf(value)));
/** For headers and ids: values must not be empty. */
export const strictEngine = createEngine((value) => present(textOf(value), value));
/** For paths: values are percent-encoded and not empty. */
export const pathEngine = createEngine((value) => encodeURIComponent(present(textOf(value), value)));

function present(text: string, value: unknown): string {
  if (isEmpty(value) && !(value instanceof Blank)) throw new EmptyValue();
  return text;
}

function createEngine(outputEscape: (value: unknown) => string): Liquid {
  const liquid = new Liquid({
    strictFilters: true,
    ownPropertyOnly: true,
    templates: {},
    timezoneOffset: 0,
    outputEscape,
  });
  // They would read files.
  for (const tag of FILE_TAGS) delete liquid.tags[tag];
  // It would let a value past its escaping.
  delete liquid.filters.raw;
  for (const name of TEXT_FILTERS) {
    const original = filters[name as keyof typeof filters] as Filter;
    liquid.registerFilter(name, function (this: FilterThis, value: unknown, ...args: unknown[]) {
      return original.call(this, textOf(value), ...args);
    } as never);
  }
  for (const name of COUNTING_FILTERS) {
    const original = filters[name] as Filter;
    liquid.registerFilter(name, function (this: FilterThis, value: unknown, ...args: unknown[]) {
      if ([value, ...args].some(isLongWhole)) throw new LongNumber();
      return original.call(this, value, ...args);
    } as never);
  }
  const split = filters.split as Filter;
  liquid.registerFilter('split', function (this: FilterThis, value: unknown, ...args: unknown[]) {
    // An empty separator splits into characters, not into halves of them.
    return textOf(args[0]) === '' ? [...textOf(value)] : split.call(this, textOf(value), ...args);
  } as never);
  liquid.registerFilter('one', (value: unknown) => (Array.isArray(value) ? value[0] : value));
  const original = filters.default as unknown as Filter;
  liquid.registerFilter('default', function (this: FilterThis, value: unknown, ...args: unknown[]) {
    const result = original.call(this, value, ...args);
    const fallback = this.token?.args[0];
    const isLiteral = fallback !== undefined && !Array.isArray(fallback) && fallback.kind === TokenKind.Quoted;
    return result === '' && isLiteral ? new Blank() : result;
  } as never);
  return liquid;
}
