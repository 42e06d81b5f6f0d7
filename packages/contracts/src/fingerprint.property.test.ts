import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { fingerprint } from './fingerprint.ts';

type Body = Record<string, unknown>;

/** Names that sort otherwise by code point than by code unit, or that are not plain members of an object. */
const name = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    '',
    '1',
    '10',
    '2',
    '__proto__',
    'constructor',
    'toJSON',
    '\ue000',
    '😀',
    'é',
    'e\u0301',
    '"',
    '\u0007',
  ),
  fc.string({ unit: 'grapheme', maxLength: 3 }),
);
const leaf = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.double({ noDefaultInfinity: true, noNaN: true }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('any'), { maxLength: 3 }),
    fc.array(fc.tuple(name, tie('any')), { maxLength: 3 }).map(objectOf),
  ),
})).any;
const body: fc.Arbitrary<Body> = fc.array(fc.tuple(name, value), { maxLength: 5 }).map(objectOf);

/** An object as JSON.parse makes it: also `__proto__` is its own member. */
function objectOf(entries: [string, unknown][]): Body {
  return JSON.parse(
    `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${JSON.stringify(member)}`).join(',')}}`,
  );
}

/** RFC 8785 by its text, apart from any library: sorted by UTF-16 code units, numbers as ECMAScript writes them. */
function canonical(given: unknown): string {
  if (Array.isArray(given)) return `[${given.map(canonical).join(',')}]`;
  if (typeof given === 'string') return quoted(given);
  if (typeof given !== 'object' || given === null) return given === 0 ? '0' : String(given);
  const object = given as Body;
  const names = Object.keys(object).sort((left, right) => compareUnits(left, right));
  return `{${names.map((key) => `${quoted(key)}:${canonical(object[key])}`).join(',')}}`;
}

function compareUnits(left: string, right: string): number {
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const difference = left.charCodeAt(at) - right.charCodeAt(at);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

const SHORT: Readonly<Record<string, string>> = {
  '\b': 'b',
  '\t': 't',
  '\n': 'n',
  '\f': 'f',
  '\r': 'r',
  '"': '"',
  '\\': '\\',
};

const quoted = (text: string): string =>
  `"${text
    .split('')
    .map((unit) => {
      const short = SHORT[unit];
      if (short !== undefined) return `\\${short}`;
      return unit < ' ' ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}` : unit;
    })
    .join('')}"`;

property(
  'a fingerprint is the SHA-256 of the canonical form that RFC 8785 prescribes',
  fc.property(body, (given) => {
    const { sent_at: _left, ...rest } = given;
    assert.equal(fingerprint(given), createHash('sha256').update(canonical(rest)).digest('hex'));
  }),
);

/** The same value, its members turned round at every level. */
function turned(given: unknown): unknown {
  if (Array.isArray(given)) return given.map(turned);
  if (typeof given !== 'object' || given === null) return given;
  return objectOf(
    Object.entries(given)
      .reverse()
      .map(([key, member]) => [key, turned(member)]),
  );
}

property(
  'order of members, white space and sent_at do not matter',
  fc.property(body, fc.constantFrom('', '\t', '  '), leaf, (given, indent, sentAt) => {
    const other = { ...(JSON.parse(JSON.stringify(turned(given), null, indent)) as Body), sent_at: sentAt };
    assert.equal(fingerprint(other), fingerprint(given));
  }),
);

/** Changes one place of a value: the kind and the place by the given numbers. */
function changed(given: unknown, way: number, into: unknown): unknown {
  if (Array.isArray(given)) {
    const at = way % (given.length + 1);
    if (at === given.length) return way % 2 === 0 ? [...given, into] : given.toReversed();
    return given.with(at, changed(given[at], way >> 2, into));
  }
  if (typeof given !== 'object' || given === null) return into;
  const entries = Object.entries(given);
  const at = way % (entries.length + 1);
  const entry = entries[at];
  if (entry === undefined) return objectOf([...entries, ['added', into]]);
  const [key, member] = entry;
  const put: [string, unknown] = way % 3 === 0 ? [`${key}'`, member] : [key, changed(member, way >> 2, into)];
  return objectOf(entries.with(at, put));
}

property(
  'any other change matters',
  fc.property(body, fc.nat(), leaf, (given, way, into) => {
    const other = changed(given, way, into) as Body;
    const [{ sent_at: _one, ...before }, { sent_at: _other, ...after }] = [given, other];
    fc.pre(canonical(before) !== canonical(after));
    assert.notEqual(fingerprint(other), fingerprint(given));
  }),
);
