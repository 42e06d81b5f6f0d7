import fc from 'fast-check';
import { ALGS, NOW_MS, NOW_S, SECRET } from './draft.ts';
import { jsonText } from './json-text.ts';

/** A mutation as data, so a counterexample reads as what was done. */
export type Mutation = readonly [layer: string, ...details: unknown[]];

const PAST = new Date(NOW_MS).toISOString();
const FUTURE = new Date(NOW_MS + 1).toISOString();
const expiry = fc.constantFrom(null, PAST, FUTURE);
/** An algorithm that the site has a key of. */
export const alg = fc.constantFrom(...ALGS);
const any = fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.constantFrom<unknown>(undefined, null, '', 0, [], {}));
const HTTP_NAMES = ['Content-Type', 'Authorization', 'X-Signature', 'X-Idempotency-Key', 'Content-Length'];
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const onLayer = (layer: string, ...details: fc.Arbitrary<unknown>[]): fc.Arbitrary<Mutation> =>
  fc.tuple(fc.constant(layer), ...details) as unknown as fc.Arbitrary<Mutation>;

/** Some of them leave a request valid: also what is accepted must be tried in many forms. */
export const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  onLayer('status', fc.constantFrom('active', 'paused', 'disabled')),
  onLayer('secret', expiry),
  onLayer('another secret', fc.boolean()),
  onLayer('key', expiry),
  onLayer('key algorithm', alg, alg),
  onLayer(
    'identity',
    fc.constantFrom('issuer', 'audience', 'site_id'),
    fc.constantFrom('harbour', 'pressferry', 'https://harbour.example', 'other'),
  ),
  onLayer(
    'ip allow',
    fc.array(
      fc.constantFrom('198.51.100.0/24', '198.51.100.7', '198.51.100.8', '10.0.0.0/8', '2001:db8::/32', '0.0.0.0/0'),
      { maxLength: 2 },
    ),
  ),
  onLayer('mode', fc.constantFrom('live', 'dry_run', 'off')),
  onLayer('world', fc.constantFrom('withinLimit', 'hasRoom', 'isFresh', 'isReady')),
  onLayer('no HS256'),
  onLayer('address', fc.constantFrom('198.51.100.7', '203.0.113.9', '10.1.2.3', '2001:db8::1', '::1')),
  onLayer(
    'clock',
    fc.oneof(fc.integer({ min: -420, max: 420 }), fc.constantFrom(60, 61, -60, -61, 179, 180, 181, 300, 301, -300)),
  ),
  onLayer(
    'member',
    fc.constantFrom(
      'event_type',
      'object_ref',
      'idempotency_key',
      'occurred_at',
      'sent_at',
      'data',
      'refused',
      'status',
      'constructor',
    ),
    any,
  ),
  onLayer(
    'member',
    fc.constant('event_type'),
    fc.constantFrom('order.paid', 'toString', '__proto__', 'order.unknown', 'form.submitted'),
  ),
  onLayer(
    'member',
    fc.constant('object_ref'),
    fc.constantFrom('x'.repeat(255), 'x'.repeat(256), '😀'.repeat(255), '', 'a\u0000b', 'a\r\nb', 'a\u0085'),
  ),
  onLayer(
    'time',
    fc.constantFrom('occurred_at', 'sent_at'),
    fc.oneof(
      fc.integer({ min: -301_000, max: 301_000 }),
      fc.constantFrom(-300_000, -300_001, 300_000, 300_001, -259_200_000, -259_200_001),
    ),
  ),
  onLayer(
    'data',
    fc.oneof(
      fc.constantFrom('meta', 'order_id', 'form_id', 'post_id', 'total', 'created_at', 'refused', 'toJSON'),
      fc.string(),
    ),
    any,
  ),
  onLayer('raw data', jsonText),
  onLayer(
    'raw member',
    fc.constantFrom(
      '"refused":"stream_full"',
      '"data":{}',
      '"sent_at":null',
      '"__proto__":{}',
      '"\\u0064ata":{}',
      '"x":',
      '',
    ),
  ),
  onLayer('spelling', fc.constantFrom('', ' ', '\ufeff', '\n'), fc.constantFrom('', '\r\n', '\u0000', '{}')),
  onLayer('size', fc.constantFrom(262_143, 262_144, 262_145, 262_200)),
  onLayer(
    'header',
    fc.constantFrom('alg', 'kid', 'typ', 'crit', 'b64', 'jwk'),
    fc.oneof(any, fc.constantFrom<unknown>(...ALGS, 'none', ['b64'])),
  ),
  onLayer(
    'claim',
    fc.constantFrom('iss', 'sub', 'aud', 'jti', 'iat', 'exp', 'nbf', 'x'),
    fc.oneof(any, fc.constantFrom<unknown>('harbour', ['pressferry', 1])),
  ),
  onLayer('claim', fc.constantFrom('iat', 'exp', 'nbf'), fc.integer({ min: NOW_S - 400, max: NOW_S + 400 })),
  onLayer('signing key', alg),
  onLayer('token bit', fc.nat()),
  onLayer('signed with', fc.constantFrom('another', `${SECRET} `, SECRET.normalize('NFD'), '')),
  onLayer('http header', fc.constantFrom(...HTTP_NAMES), fc.string({ unit: 'binary-ascii' })),
  onLayer(
    'http header',
    fc.constant('Content-Type'),
    fc.constantFrom(
      'application/json; charset=utf-8',
      'APPLICATION/JSON;charset="UTF-8"',
      'text/json',
      'application/json; charset=latin1',
      'application/json;',
      'application/json; charset=utf-8; x=y',
      'application/jsonx',
    ),
  ),
  onLayer('http header', fc.constant('Content-Length'), fc.constantFrom('262145', '1e9', '0x1', '-1', '262144')),
  onLayer('http header', fc.constant('X-Idempotency-Key'), fc.uuid({ version: 4 })),
  onLayer('http header end', fc.constantFrom(...HTTP_NAMES), fc.constantFrom(' ', '=', ',', '\u00a0', 'A', ';')),
  onLayer('http header case'),
  onLayer('http header gone', fc.constantFrom(...HTTP_NAMES)),
  // A second Content-Length never comes so far: Node refuses it.
  onLayer('http header twice', fc.constantFrom(...HTTP_NAMES.slice(0, -1))),
  onLayer(
    'http header more',
    fc.constantFrom('Content-Encoding', 'content-encoding'),
    fc.constantFrom('gzip', 'identity', ''),
  ),
  onLayer(
    'http header more',
    fc.constant('traceparent'),
    fc.oneof(
      fc.constantFrom(
        TRACEPARENT,
        `${TRACEPARENT}-x`,
        TRACEPARENT.replace('00', 'cc'),
        `cc${TRACEPARENT.slice(2)}-é"\\`,
        `\u00a0${TRACEPARENT}`,
        TRACEPARENT.toUpperCase(),
        `00-${'0'.repeat(32)}`,
      ),
      fc.string({ unit: 'binary-ascii' }),
    ),
  ),
  onLayer('http header more', fc.string({ minLength: 1 }), fc.string()),
  onLayer('body bit', fc.nat()),
  onLayer('body cut', fc.integer({ min: 1, max: 9 })),
  onLayer('body more', fc.constantFrom(' ', '\n', '{}', '\u0000')),
);
