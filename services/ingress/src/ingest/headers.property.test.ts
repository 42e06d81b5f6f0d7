import assert from 'node:assert/strict';
import { test } from 'node:test';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { isRefusal } from '../model.ts';
import { checkMediaType, parseAuthorization, parseHeaders, readHeaders } from './headers.ts';

const NAMES = ['authorization', 'content-type', 'content-encoding', 'x-signature', 'x-idempotency-key', 'traceparent'];
const anyCase = (name: string): fc.Arbitrary<string> =>
  fc
    .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
    .map((upper) => [...name].map((unit, at) => (upper[at] === true ? unit.toUpperCase() : unit)).join(''));
const name = fc.oneof(
  fc.constantFrom(...NAMES, 'host', '__proto__', 'x-signature ', 'x_signature').chain(anyCase),
  fc.string(),
);
const pair = fc.tuple(name, fc.oneof(fc.constantFrom('', 'a, b', 'application/json'), fc.string({ unit: 'binary' })));

property(
  'each header that matters is found in any case, or refused if it is sent twice; others are left alone',
  fc.property(fc.array(pair, { maxLength: 8 }), (pairs) => {
    const read = readHeaders(pairs.flat());
    const counted = NAMES.map((wanted) => pairs.filter(([other]) => other.toLowerCase() === wanted));
    const isRepeated = counted.some(({ length }) => length > 1);
    if (typeof read === 'string') {
      assert.ok(isRepeated && NAMES.includes(read));
      return;
    }
    assert.ok(!isRepeated);
    assert.deepEqual(
      Object.fromEntries(read),
      Object.fromEntries(counted.flat().map(([found, value]) => [found.toLowerCase(), value])),
    );
  }),
);

const mediaType = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(
        'application/json',
        'Application/JSON',
        'application/jsonp',
        'application/vnd.api+json',
        'text/json',
        'application /json',
        '',
      ),
      fc.constantFrom('', ' ', '\t'),
      fc.constantFrom('', ';', ';;', ','),
      fc.constantFrom('', ' ', '  '),
      fc.constantFrom(
        '',
        'charset=utf-8',
        'CHARSET="UTF-8"',
        'charset=utf8',
        'charset=utf-16',
        'charset=utf-8; charset=utf-16',
        'charset=',
        'boundary=x',
        "charset='utf-8'",
      ),
      fc.constantFrom('', ' ', ';', ', application/json'),
    )
    .map((parts) => parts.join('')),
  fc.string({ unit: 'binary-ascii' }),
);

/** RFC 9110: type, then at most one parameter, which names UTF-8. */
function isJsonInUtf8(value: string): boolean {
  const [type, parameter, ...more] = value.split(';').map((part) => part.trim().toLowerCase());
  const charset = /^charset=("?)(utf-?8)("?)$/.exec(parameter ?? 'charset=utf-8');
  return type === 'application/json' && charset !== null && more.length === 0;
}

property(
  'no media type but JSON in UTF-8 is taken, and none with an encoding',
  fc.property(mediaType, fc.option(fc.constantFrom('gzip', 'identity', '', 'br')), (type, encoding) => {
    const headers = new Map([
      ['content-type', type],
      ...(encoding === null ? [] : [['content-encoding', encoding] as const]),
    ] as const);
    const refusal = checkMediaType(headers as ReadonlyMap<string, string>);
    if (encoding !== null) assert.equal(refusal?.refused, 'content_encoding_unsupported');
    else if (refusal === null) assert.ok(isJsonInUtf8(type), type);
    else assert.equal(refusal.refused, 'content_type_unsupported');
  }),
);

test('the usual spellings of JSON in UTF-8 are taken', () => {
  for (const type of [
    'application/json',
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'APPLICATION/JSON',
  ])
    assert.equal(checkMediaType(new Map([['content-type', type]])), null);
});

const TOKEN = `${Buffer.from('{"alg":"none","kid":"k"}').toString('base64url')}.e30.`;
const authorization = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('Bearer', 'bearer', 'BEARER', 'Basic', 'Bearer:', ''),
      fc.constantFrom(' ', '  ', '\t', '', '\u00a0'),
      fc.constantFrom(TOKEN, `"${TOKEN}"`, `${TOKEN} ${TOKEN}`, `${TOKEN},`, '', ' '),
      fc.constantFrom('', ' ', '\n'),
    )
    .map((parts) => parts.join('')),
  fc.string(),
);

property(
  'a bearer token is taken where it is the one thing that the header holds',
  fc.property(authorization, (value) => {
    const [scheme = '', ...rest] = value.split(' ');
    const isBearer =
      scheme.toLowerCase() === 'bearer' &&
      rest.filter((part) => part !== '').join(' ') === TOKEN &&
      value.endsWith(TOKEN);
    assert.equal(!isRefusal(parseAuthorization(value)), isBearer);
  }),
);

property(
  'headers of any content are refused with a code, or give back exactly what they hold',
  fc.property(
    fc.dictionary(
      fc.constantFrom(...NAMES),
      fc.oneof(authorization, fc.stringMatching(/^sha256=[0-9a-f]{64}$/), fc.uuid({ version: 4 }), fc.string()),
    ),
    (headers) => {
      const parsed = parseHeaders(new Map(Object.entries(headers)));
      if (isRefusal(parsed))
        assert.match(parsed.refused, /^(token_missing|token_malformed|header_missing|header_malformed)$/);
      else
        assert.deepEqual(
          [parsed.signature, parsed.idempotencyKey],
          [headers['x-signature'], headers['x-idempotency-key']],
        );
    },
  ),
);

const traceparent = (value: string): string | undefined => {
  const parsed = parseHeaders(
    new Map([
      ['authorization', `Bearer ${TOKEN}`],
      ['x-signature', `sha256=${'0'.repeat(64)}`],
      ['x-idempotency-key', 'c0ffee00-0000-4000-8000-000000000001'],
      ['traceparent', value],
    ]),
  );
  return isRefusal(parsed) ? undefined : parsed.traceparent;
};
const TRACE = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

property(
  'a traceparent is handed on in the form of version 00, or not at all',
  fc.property(
    fc.tuple(
      fc.constantFrom('', '\u00a0', ' ', '0'),
      fc.constantFrom('00', '01', 'cc', 'ff', 'g0'),
      fc.constantFrom(TRACE, TRACE.toUpperCase(), TRACE.slice(1)),
      fc.constantFrom('', '-', '-x', '-é"\\', '0', '\n'),
    ),
    (parts) => {
      const [before, version, trace, after] = parts;
      const isKnown =
        before === '' &&
        trace === TRACE &&
        (version === '00' ? after === '' : /^[0-9a-e]/.test(version) && (after === '' || after.startsWith('-')));
      assert.equal(traceparent(`${before}${version}-${trace}${after}`), isKnown ? `00-${TRACE}` : undefined);
    },
  ),
);
