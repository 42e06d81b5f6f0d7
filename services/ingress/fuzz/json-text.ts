import fc from 'fast-check';

/** Names that trip up code, and ordinary ones that repeat often enough to meet themselves in one object. */
const NAMES = ['a', 'b', 'data', '', '__proto__', 'constructor', 'toString', 'ä', '€', '😀', '\u2028', '"', '\\', '/'];

/** A string as JSON may write it: any character plain or escaped, halves of surrogate pairs among them. */
function stringText(content: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(content, fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 5 })).map(([text, ways]) => {
    const units = text.split('').map((unit, index) => escaped(unit, ways[index % ways.length] ?? 0));
    return `"${units.join('')}"`;
  });
}

function escaped(unit: string, way: number): string {
  const code = unit.charCodeAt(0).toString(16).padStart(4, '0');
  const isSurrogate = /[\ud800-\udfff]/.test(unit);
  if (way === 1) return `\\u${code}`;
  if (way === 2) return `\\u${code.toUpperCase()}`;
  if (unit === '/') return way === 3 ? '\\/' : '/';
  // Bytes on the wire are UTF-8: a half can be written only as an escape.
  return isSurrogate ? `\\u${code}` : JSON.stringify(unit).slice(1, -1);
}

const numberText = fc.oneof(
  fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => JSON.stringify(value)),
  fc.constantFrom(
    '0',
    '-0',
    '-0.0',
    '1E5',
    '1e+5',
    '10e-400',
    '1e400',
    '-1e309',
    '9007199254740993',
    '1e0000000000001',
  ),
);

const blank = fc.constantFrom('', '', '', ' ', '\n', '\t ', '\r\n');

/** JSON as text, in more spellings than any serialiser has: blanks, escapes, repeated names, numbers at every limit. */
export const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => {
  const string = stringText(
    fc.oneof(fc.string({ unit: 'binary', maxLength: 6 }), fc.constantFrom('\ud800', 'x\udc00y')),
  );
  const name = stringText(fc.oneof(fc.constantFrom(...NAMES), fc.string({ maxLength: 3 })));
  const list = (open: string, close: string, item: fc.Arbitrary<string>) =>
    fc
      .tuple(fc.array(fc.tuple(blank, item, blank), { maxLength: 4 }), blank)
      .map(
        ([items, inside]) =>
          `${open}${items.length === 0 ? inside : items.map((part) => part.join('')).join(',')}${close}`,
      );
  const member = fc.tuple(name, blank, blank, tie('value')).map(([left, a, b, right]) => `${left}${a}:${b}${right}`);
  return {
    value: fc.oneof(
      { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
      fc.oneof(string, numberText, fc.constantFrom('true', 'false', 'null')),
      list('[', ']', tie('value')),
      list('{', '}', member),
    ),
  };
}).value;

/** JSON text with some characters taken out, put in or repeated: most of it is not JSON any more. */
export const brokenJsonText: fc.Arbitrary<string> = fc
  .tuple(
    jsonText,
    fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'{}[]",:\\u0123e+-.tfn \u0000\u001f\u00a0\ufeff', '')), {
      minLength: 1,
      maxLength: 3,
    }),
  )
  .map(([text, edits]) =>
    edits.reduce((current, [place, insert]) => {
      const at = place % (current.length + 1);
      return current.slice(0, at) + insert + current.slice(insert === '' ? at + 1 : at);
    }, text),
  );
