import { createHmac, randomUUID, sign } from 'node:crypto';
import type { SiteRecord } from '@pressferry/sites';
import { ecKeyPair, edKeyPair, rsaKeyPair } from '@pressferry/testing/signing';
import fc from 'fast-check';
import { jsonText } from './json-text.ts';
import { type Case, SAMPLES } from './oracle.ts';

const NOW_MS = Date.UTC(2026, 10, 24, 8);
const NOW_S = NOW_MS / 1000;
const SECRET = 'the secret of the harbour – Œuvre';
const HS256_SECRET = 'a shared secret of thirty-two bytes, or more';
const PAIRS = { RS256: rsaKeyPair(0), ES256: ecKeyPair(0), EdDSA: edKeyPair(0) };
type Alg = keyof typeof PAIRS | 'HS256';
const ALGS: readonly Alg[] = ['RS256', 'ES256', 'EdDSA', 'HS256'];
const PAST = new Date(NOW_MS).toISOString();
const FUTURE = new Date(NOW_MS + 1).toISOString();

/** A request while it is still being made; each mutation changes it at one layer, before or after it is signed. */
interface Draft extends Omit<Case, 'rawHeaders' | 'body'> {
  alg: Alg;
  event: Record<string, unknown>;
  respell: ((json: string) => string)[];
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
  signature: ((bytes: Buffer) => Buffer)[];
  secret: string;
  headers: ((headers: string[]) => string[])[];
  tamper: ((body: Buffer) => Buffer)[];
}

/** A mutation as data, so that a counterexample reads as what was done. */
type Mutation = readonly [layer: string, ...details: unknown[]];

const recordOf = (): SiteRecord => ({
  site_id: 'harbour',
  status: 'active',
  issuer: 'https://harbour.example',
  audience: 'pressferry',
  callback_url: null,
  keys: ALGS.map((algorithm) => ({
    kid: algorithm,
    algorithm,
    public_key: algorithm === 'HS256' ? HS256_SECRET : PAIRS[algorithm].publicPem,
    expires_at: null,
  })),
  secrets: [{ sealed_secret: SECRET, expires_at: null }],
  settings: {},
});

function draftOf(alg: Alg, eventType: string): Draft {
  return {
    alg,
    record: recordOf(),
    address: '198.51.100.7',
    nowMs: NOW_MS,
    allowHs256: true,
    world: { withinLimit: true, hasRoom: true, isFresh: true, isReady: true },
    event: {
      event_type: eventType,
      object_ref: '17',
      idempotency_key: randomUUID(),
      occurred_at: new Date(NOW_MS).toISOString(),
      data: SAMPLES.get(eventType) ?? {},
    },
    respell: [],
    header: { alg, typ: 'JWT', kid: alg },
    claims: {
      iss: 'https://harbour.example',
      sub: 'harbour',
      aud: 'pressferry',
      iat: NOW_S,
      exp: NOW_S + 120,
      jti: randomUUID(),
    },
    signature: [],
    secret: SECRET,
    headers: [],
    tamper: [],
  };
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function signatureOf(alg: Alg, input: string): Buffer {
  if (alg === 'HS256') return createHmac('sha256', HS256_SECRET).update(input).digest();
  const key = { key: PAIRS[alg].privateKey, dsaEncoding: 'ieee-p1363' as const };
  return sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(input), key);
}

const through = <T>(value: T, changes: readonly ((value: T) => T)[]): T =>
  changes.reduce((current, change) => change(current), value);

function finish(draft: Draft): Case {
  const signed = Buffer.from(through(JSON.stringify(draft.event), draft.respell));
  const input = `${encode(draft.header)}.${encode(draft.claims)}`;
  const token = `${input}.${through(signatureOf(draft.alg, input), draft.signature).toString('base64url')}`;
  const headers = [
    ...['Host', 'ingress.example', 'Content-Type', 'application/json', 'Authorization', `Bearer ${token}`],
    ...['X-Signature', `sha256=${createHmac('sha256', draft.secret).update(signed).digest('hex')}`],
    ...['X-Idempotency-Key', String(draft.event.idempotency_key)],
    ...['Content-Length', String(signed.length)],
  ];
  const { record, address, nowMs, allowHs256, world } = draft;
  const body = through(signed, draft.tamper);
  return { rawHeaders: through(headers, draft.headers), body, record, address, nowMs, allowHs256, world };
}

const setHeader = (name: string, value: string) => (headers: string[]) =>
  headers.map((old, at) => (at % 2 === 1 && headers[at - 1] === name ? value : old));
const without = (name: string) => (headers: string[]) => headers.filter((_old, at) => headers[at - (at % 2)] !== name);

type Apply = (draft: Draft, ...details: never[]) => void;

/** What each layer's mutations do. */
const LAYERS: Readonly<Record<string, Apply>> = {
  status: ({ record }, status: SiteRecord['status']) => {
    record.status = status;
  },
  secret: ({ record }, expires_at: string | null) => {
    record.secrets = record.secrets.map((old) => ({ ...old, expires_at }));
  },
  'another secret': ({ record }, isFirst: boolean) => {
    const other = { sealed_secret: 'another', expires_at: null };
    record.secrets = isFirst ? [other, ...record.secrets] : [other];
  },
  key: ({ record }, expires_at: string | null) => {
    record.keys = record.keys.map((old) => ({ ...old, expires_at }));
  },
  'key algorithm': ({ record }, from: Alg, to: Alg) => {
    record.keys = record.keys.map((old) =>
      old.kid === from ? ({ ...record.keys.find(({ kid }) => kid === to), ...{ kid: from } } as typeof old) : old,
    );
  },
  identity: ({ record }, member: 'issuer' | 'audience' | 'site_id', value: string) => {
    record[member] = value;
  },
  'ip allow': ({ record }, ranges: string[]) => {
    record.settings = { ...record.settings, ip_allow: ranges };
  },
  mode: (draft, mode: 'live' | 'dry_run' | 'off') => {
    draft.record.settings = {
      ...draft.record.settings,
      event_types: { [String(draft.event.event_type)]: mode },
    };
  },
  world: ({ world }, part: keyof Case['world']) => {
    world[part] = false;
  },
  'no HS256': (draft) => {
    draft.allowHs256 = false;
  },
  address: (draft, address: string) => {
    draft.address = address;
  },
  clock: (draft, seconds: number) => {
    draft.nowMs += seconds * 1000;
  },
  member: ({ event }, name: string, value: unknown) => {
    event[name] = value;
  },
  time: ({ event }, name: string, ms: number) => {
    event[name] = new Date(NOW_MS + ms).toISOString();
  },
  data: (draft, name: string, value: unknown) => {
    draft.event.data = { ...(draft.event.data as object), [name]: value };
  },
  'raw data': (draft, json: string) =>
    void draft.respell.push((text) => text.replace('"data":{', () => `"data":{"meta":{"m":${json}},`)),
  'raw member': (draft, json: string) => void draft.respell.push((text) => `${text.slice(0, -1)},${json}}`),
  spelling: (draft, before: string, after: string) =>
    void draft.respell.push((text) => before + text.replaceAll('":', '" :\n') + after),
  size: (draft, bytes: number) =>
    void draft.respell.push((text) => text + ' '.repeat(Math.max(0, bytes - Buffer.byteLength(text)))),
  header: ({ header }, name: string, value: unknown) => {
    header[name] = value;
  },
  claim: ({ claims }, name: string, value: unknown) => {
    claims[name] = value;
  },
  'signing key': (draft, alg: Alg) => {
    draft.alg = alg;
  },
  'token bit': (draft, bit: number) => void draft.signature.push((bytes) => flip(bytes, bit)),
  'signed with': (draft, secret: string) => {
    draft.secret = secret;
  },
  'http header': (draft, name: string, value: string) => void draft.headers.push(setHeader(name, value)),
  'http header end': (draft, name: string, end: string) =>
    void draft.headers.push((all) => all.map((old, at) => (at % 2 === 1 && all[at - 1] === name ? old + end : old))),
  'http header case': (draft) =>
    void draft.headers.push((all) => all.map((old, at) => (at % 2 === 0 ? old.toUpperCase() : old))),
  'http header gone': (draft, name: string) => void draft.headers.push(without(name)),
  'http header more': (draft, name: string, value: string) => void draft.headers.push((all) => [...all, name, value]),
  'http header twice': (draft, name: string) =>
    void draft.headers.push((all) => [...all, name.toLowerCase(), all[all.indexOf(name) + 1] ?? '']),
  'body bit': (draft, bit: number) => void draft.tamper.push((bytes) => flip(bytes, bit)),
  'body cut': (draft, bytes: number) => void draft.tamper.push((body) => body.subarray(0, -bytes)),
  'body more': (draft, text: string) => void draft.tamper.push((body) => Buffer.concat([body, Buffer.from(text)])),
};

function flip(bytes: Buffer, bit: number): Buffer {
  const changed = Buffer.from(bytes);
  const at = bit % Math.max(1, bytes.length * 8);
  changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7));
  return changed;
}

const expiry = fc.constantFrom(null, PAST, FUTURE);
const alg = fc.constantFrom(...ALGS);
const any = fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.constantFrom<unknown>(undefined, null, '', 0, [], {}));
const HTTP_NAMES = ['Content-Type', 'Authorization', 'X-Signature', 'X-Idempotency-Key', 'Content-Length'];
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const onLayer = (layer: string, ...details: fc.Arbitrary<unknown>[]): fc.Arbitrary<Mutation> =>
  fc.tuple(fc.constant(layer), ...details) as unknown as fc.Arbitrary<Mutation>;

/** Some of them leave a request valid: also what is accepted must be tried in many forms. */
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
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
  onLayer('member', fc.constant('object_ref'), fc.constantFrom('x'.repeat(255), 'x'.repeat(256), '😀'.repeat(255), '')),
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

/** A valid signed request with none, one or several mutations, at whatever layer. */
export interface Scenario {
  alg: Alg;
  eventType: string;
  mutations: readonly Mutation[];
}

export const scenario: fc.Arbitrary<Scenario> = fc.record({
  alg,
  eventType: fc.constantFrom(...SAMPLES.keys()),
  mutations: fc.array(mutation, { maxLength: 3 }),
});

/** Makes the request of a scenario, signed anew. */
export function build({ alg: name, eventType, mutations }: Scenario): Case {
  const draft = draftOf(name, eventType);
  for (const [layer, ...details] of mutations)
    (LAYERS[layer] as (draft: Draft, ...rest: unknown[]) => void)(draft, ...details);
  return finish(draft);
}
