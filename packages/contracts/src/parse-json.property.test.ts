import assert from 'node:assert/strict';
import { test } from 'node:test';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { fingerprint } from './fingerprint.ts';
import { ExactNumber, parseJson, withExactNames } from './parse-json.ts';

/** Every character as an escape of four digits, as PHP's json_encode writes what is not ASCII. */
const escaped = (text: string): string =>
  `"${text
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')}"`;

/** Short names, as form fields have them: the shapes that objects are known by inside V8 repeat, which the fault needs. */
const names = fc.uniqueArray(fc.oneof(fc.constantFrom('', 'a', 'é', '"', '\n', '__proto__'), fc.string()), {
  minLength: 1,
  maxLength: 4,
});

property(
  'each member stands under the name that the text gives it, however that is written',
  fc.property(
    names,
    fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    fc.constantFrom('', ' ', '\r\n'),
    (all, ways, blank) => {
      const members = all.map((name, at) => `${ways[at] ? escaped(name) : JSON.stringify(name)}${blank}:${at}`);
      const expected = Object.fromEntries(all.map((name, at) => [name, at]));
      assert.deepEqual(parseJson(`[{"inner":{${members.join(',')}}}]`), [{ inner: expected }]);
    },
  ),
);

test('a value that looks like a name is left alone, and a repeated name keeps its last value', () => {
  assert.deepEqual(parseJson('{"\\u00e9":"\\"\\n\\":","b":["\\n"],"\\u00e9":{"\\t":""}}'), {
    é: { '\t': '' },
    b: ['\n'],
  });
});

test('a name that was mistaken for a backslash is put right', () => {
  assert.deepEqual(withExactNames('{"a":{},"\\u0066":1}', { a: {}, '\\': 1 }), { a: {}, f: 1 });
});

test('what is not JSON is a SyntaxError', () => {
  assert.throws(() => parseJson('{"\\u0061":1,}'), SyntaxError);
});

property(
  'an integer keeps its digits, however many it has, beside names of every form',
  fc.property(fc.bigInt(), fc.constantFrom('id', '\\u00e9'), (value, name) => {
    const text = `{"${name}":[${value},{"a":${value}}]}`;
    assert.equal(JSON.stringify(parseJson(text)), text.replace('\\u00e9', 'é'));
  }),
);

property(
  'a number that a double holds is one, and any other keeps its value',
  fc.property(fc.double({ noDefaultInfinity: true, noNaN: true }), (value) => {
    assert.equal(Number(String(parseJson(JSON.stringify(value)))), value === 0 ? 0 : value);
  }),
);

test('a number beyond a double keeps its digits as a text and in JSON', () => {
  for (const digits of [
    '9007199254740993',
    '12345678901234567891',
    '1e400',
    '-9007199254740993',
    '0.12345678901234567891',
  ]) {
    const value = parseJson(`[${digits}]`) as unknown[];
    assert.ok(value[0] instanceof ExactNumber, digits);
    assert.deepEqual([String(value[0]), JSON.stringify(value)], [digits, `[${digits}]`]);
  }
  for (const digits of ['9007199254740991', '1.5', '10000000000000000', '0.30000000000000004', '1e5'])
    assert.deepEqual(parseJson(`[${digits}]`), [Number(digits)]);
});

test('events that differ in the last digit of a long number have different fingerprints', () => {
  const of = (id: string) => fingerprint(parseJson(`{"data":{"id":${id}}}`) as Record<string, unknown>);
  assert.notEqual(of('9007199254740993'), of('9007199254740992'));
  assert.equal(of('9007199254740993'), of('9007199254740993'));
});

test('every decimal keeps its digits, however they are spread over the point and the exponent', () => {
  const digits = fc.stringMatching(/^[1-9][0-9]{0,24}$/);
  const exponent = fc.option(fc.integer({ min: -420, max: 420 }), { nil: undefined });
  fc.assert(
    fc.property(digits, fc.nat({ max: 25 }), exponent, (text, place, e) => {
      const point = Math.min(place, text.length);
      const number = `${text.slice(0, point) || '0'}${point < text.length ? `.${text.slice(point)}` : ''}${e === undefined ? '' : `e${e}`}`;
      const written = JSON.stringify(parseJson(`[${number}]`)).slice(1, -1);
      assert.deepEqual(partsOf(written), partsOf(number), number);
    }),
  );
});

test('long whole numbers are compared by every digit, with each other and with short ones', () => {
  const whole = fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n });
  const near = fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 9n });
  fc.assert(
    fc.property(fc.oneof(whole, near), fc.oneof(whole, near), (one, two) => {
      const [exact, other] = [new ExactNumber(String(one)), parseJson(String(two))];
      assert.deepEqual(
        [exact.equals(other), exact.gt(other), exact.geq(other), exact.lt(other), exact.leq(other)],
        [one === two, one > two, one >= two, one < two, one <= two],
      );
    }),
  );
  for (const none of ['1', null, undefined, true, {}, []])
    assert.ok(!new ExactNumber('1').equals(none) && !new ExactNumber('1').geq(none));
});

/** The digits of a decimal and the power of ten of the last one. */
function partsOf(number: string): [digits: string, exponent: number] {
  const [, whole = '', fraction = '', e = '0'] = /^(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/.exec(number) ?? [];
  const all = `${whole}${fraction}`.replace(/^0+/, '');
  const digits = all.replace(/0+$/, '');
  return [digits, Number(e) - fraction.length + all.length - digits.length];
}
