import assert from 'node:assert/strict';
import { test } from 'node:test';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { brokenJsonText, jsonText } from '../../fuzz/json-text.ts';
import { readReference } from '../../fuzz/reference-json.ts';
import { isRefusal } from '../model.ts';
import { MAX_DEPTH, MAX_MEMBERS, parseBody } from './json.ts';

const judge = (body: string | Uint8Array): string => {
  const parsed = parseBody(Buffer.from(body as string));
  return isRefusal(parsed) ? parsed.refused : 'object';
};

function expected(text: string): string[] {
  const reference = readReference(text);
  if (text === '') return ['body_empty'];
  if (reference.kind === 'invalid') return ['body_not_json'];
  if (!reference.isObject) return ['envelope_invalid'];
  // Which one of several faults is named is not promised.
  const faults = [
    ...(reference.repeats ? ['json_key_repeated'] : []),
    ...(reference.depth > MAX_DEPTH || reference.members > MAX_MEMBERS ? ['json_too_complex'] : []),
    ...(reference.isInteroperable ? [] : ['body_not_json']),
  ];
  return faults.length === 0 ? ['object'] : faults;
}

const agrees = (text: string): void => {
  const [given, allowed] = [judge(text), expected(text)];
  assert.ok(allowed.includes(given), `${given}, but the reference says ${allowed.join(' or ')}`);
};

property('a body is taken exactly where an independent reader takes it', fc.property(jsonText, agrees));
property(
  'an object is taken exactly where an independent reader takes it',
  fc.property(jsonText, (text) => agrees(`{"a":${text}}`)),
);
property('broken JSON is refused exactly where an independent reader refuses it', fc.property(brokenJsonText, agrees));
property(
  'any text is refused or taken as an independent reader does',
  fc.property(
    fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
    agrees,
  ),
);

property(
  'what is taken is what an independent reader makes of it, __proto__ a member like any other',
  fc.property(jsonText, (inner) => {
    const text = `{"__proto__":${inner}}`;
    const parsed = parseBody(Buffer.from(text));
    const reference = readReference(text);
    if (isRefusal(parsed) || reference.kind === 'invalid') return;
    assert.deepEqual(parsed.object, reference.value);
    assert.equal(Object.getPrototypeOf(parsed.object), Object.prototype);
    assert.deepEqual(Object.keys(parsed.object), ['__proto__']);
  }),
);

property(
  'bytes that are no UTF-8 are refused, and only they',
  fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
    const body = Buffer.concat([Buffer.from('{"a":"'), bytes, Buffer.from('"}')]);
    let isUtf8 = true;
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(body);
    } catch {
      isUtf8 = false;
    }
    assert.equal(judge(body) !== 'body_not_utf8', isUtf8);
  }),
);

property(
  'nesting is allowed up to its bound and no level further, whatever it is made of',
  fc.property(fc.array(fc.boolean(), { minLength: MAX_DEPTH - 4, maxLength: MAX_DEPTH + 2 }), (levels) => {
    const inner = levels.reduce((text, isArray) => (isArray ? `[${text}]` : `{"b":${text}}`), '1');
    assert.equal(judge(`{"a":${inner}}`), levels.length + 1 > MAX_DEPTH ? 'json_too_complex' : 'object');
  }),
);

/** A body with exactly so many members and elements, spread over lists of the given sizes. */
function bodyOf(total: number, sizes: readonly number[]): string {
  const lists: string[] = [];
  let left = total - 1;
  for (let turn = 0; left > 0; turn++) {
    // The list counts as one, and so does each of its elements.
    const size = Math.min(sizes[turn % sizes.length] ?? 0, left - 1);
    lists.push(turn % 2 === 0 ? `[${'1,'.repeat(size).slice(0, -1)}]` : objectOf(size));
    left -= size + 1;
  }
  return `{"a":[${lists.join(' , ')}]}`;
}

const objectOf = (size: number): string => `{${Array.from({ length: size }, (_, index) => `"${index}":0`).join(',')}}`;

property(
  'members and elements are counted exactly: the bound is allowed, one more is not',
  fc.property(
    fc.array(fc.nat({ max: 2_000 }), { minLength: 1, maxLength: 5 }),
    fc.constantFrom(-1, 0, 1, 2),
    (sizes, beyond) => {
      assert.equal(judge(bodyOf(MAX_MEMBERS + beyond, sizes)), beyond > 0 ? 'json_too_complex' : 'object');
    },
  ),
);

test('elements of lists of one, which no comma parts, count towards the bound', () => {
  assert.equal(judge(`{"a":[${'[1],'.repeat(15_000)}[]]}`), 'json_too_complex');
});

test('half of a surrogate pair or a number beyond a double is refused: no fingerprint could be made of it at a repeat', () => {
  for (const text of ['"\\ud83d"', '{"\\ude00":1}', '1e400', '[-1e999]'])
    assert.equal(judge(`{"data":${text}}`), 'body_not_json');
});

test('a body with a member named "refused" is a body, not a refusal', () => {
  for (const refused of ['"stream_unavailable"', '"x"', 'null'])
    assert.equal(judge(`{"refused":${refused},"headers":{"set-cookie":"a=b"}}`), 'object');
});
