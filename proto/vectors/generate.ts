// Writes the test vectors again: `node proto/vectors/generate.ts [folder]`. Keys are kept once made; times are fixed, so a run changes
// nothing but what the contract changed. The ES256 token is kept too, because its signature is random.
import { createHmac, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bodySignature, fingerprint, requestId, secretKey, standardWebhooksHeaders } from '@pressferry/contracts';

const path = (name: string): URL => new URL(name, import.meta.url);
const target = process.argv[2] ?? import.meta.dirname;
const write = (name: string, value: unknown): void =>
  writeFileSync(join(target, name), `${JSON.stringify(value, null, 2)}\n`);

interface Pair {
  kid: string;
  algorithm: string;
  private_key: string;
  public_key: string;
}

const NOW_S = 1_795_500_000;
const SITE = { site_id: 'harbour', issuer: 'https://harbour.example', audience: 'pressferry' };
const SECRET = 'correct horse battery staple – Œuvre';
const PREVIOUS_SECRET = 'the secret before the last rotation';
const KEY = '7d444840-9dc0-41d1-b245-5ffdce74fad2';

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();
const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function keys(): Record<string, Pair> {
  if (existsSync(path('keys.json'))) return JSON.parse(readFileSync(path('keys.json'), 'utf8')).keys;
  const make = (kid: string, algorithm: string, pair: { privateKey: KeyObject; publicKey: KeyObject }): Pair => ({
    kid,
    algorithm,
    private_key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    public_key: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  });
  return {
    rs256: make('rsa-1', 'RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })),
    es256: make('ec-1', 'ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })),
    eddsa: make('ed-1', 'EdDSA', generateKeyPairSync('ed25519')),
    stranger: make('rsa-9', 'RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })),
  };
}

const PAIRS = keys();
const { rs256, es256, eddsa, stranger } = PAIRS as Record<'rs256' | 'es256' | 'eddsa' | 'stranger', Pair>;

function jwt(header: Record<string, unknown>, claims: Record<string, unknown>, pair: Pair, hmacKey?: string): string {
  const input = `${base64url(header)}.${base64url(claims)}`;
  const key = createPrivateKey(pair.private_key);
  const signatures: Record<string, () => Buffer> = {
    RS256: () => sign('sha256', Buffer.from(input), key),
    ES256: () => sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }),
    EdDSA: () => sign(null, Buffer.from(input), key),
    HS256: () => createHmac('sha256', hmacKey ?? '').update(input).digest(),
  };
  const signature = signatures[String(header.alg)]?.() ?? Buffer.alloc(0);
  return `${input}.${signature.toString('base64url')}`;
}

const CLAIMS = {
  iss: SITE.issuer,
  sub: SITE.site_id,
  aud: SITE.audience,
  iat: NOW_S,
  exp: NOW_S + 300,
  jti: '0d5b7b0e-6a3c-4a0e-9a55-3a1c1a7f6f01',
};
const HEADER = { alg: 'RS256', typ: 'JWT', kid: rs256.kid };
const token = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}, pair = rs256, hmacKey?: string) =>
  jwt({ ...HEADER, ...header }, { ...CLAIMS, ...claims }, pair, hmacKey);
const good = token();
function keptToken(name: string): string | undefined {
  if (!existsSync(path('tokens.json'))) return undefined;
  const { cases } = JSON.parse(readFileSync(path('tokens.json'), 'utf8'));
  return cases.find((item: { name: string }) => item.name === name)?.token;
}
const [, , goodSignature] = good.split('.');
const tokenCase = (name: string, expect: string, text: string) => ({ name, expect, token: text });
const flipped = (text: string, at: number): string => `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;

write('keys.json', { comment: 'Test keys. Public, worthless, never for use.', keys: PAIRS });
write('tokens.json', {
  now_s: NOW_S,
  site: { ...SITE, keys: [rs256, es256, eddsa].map(({ kid, algorithm, public_key }) => ({ kid, algorithm, public_key })) },
  signing: [{ name: 'RS256 is deterministic', key: 'rs256', header: HEADER, claims: CLAIMS, token: good }],
  cases: [
    tokenCase('RS256', 'valid', good),
    tokenCase('ES256', 'valid', keptToken('ES256') ?? token({}, { alg: 'ES256', kid: es256.kid }, es256)),
    tokenCase('EdDSA', 'valid', token({}, { alg: 'EdDSA', kid: eddsa.kid }, eddsa)),
    tokenCase('audience in a list', 'valid', token({ aud: ['other', SITE.audience] })),
    tokenCase('issued 60 s in the future', 'valid', token({ iat: NOW_S + 60, exp: NOW_S + 360 })),
    tokenCase('expired 59 s ago', 'valid', token({ iat: NOW_S - 359, exp: NOW_S - 59 })),
    tokenCase('expired 60 s ago', 'token_expired', token({ iat: NOW_S - 360, exp: NOW_S - 60 })),
    tokenCase('issued 61 s in the future', 'token_not_yet_valid', token({ iat: NOW_S + 61, exp: NOW_S + 361 })),
    tokenCase('not before 61 s from now', 'token_not_yet_valid', token({ nbf: NOW_S + 61 })),
    tokenCase('lives 301 s', 'token_lifetime_too_long', token({ exp: NOW_S + 301 })),
    tokenCase('exp before iat', 'token_claims_invalid', token({ exp: NOW_S - 1 })),
    tokenCase('no exp', 'token_claims_invalid', token({ exp: undefined })),
    tokenCase('exp as text', 'token_claims_invalid', token({ exp: String(NOW_S + 300) })),
    tokenCase('no jti', 'token_claims_invalid', token({ jti: undefined })),
    tokenCase('jti with a line break', 'token_claims_invalid', token({ jti: 'a\r\nNats-Msg-Id: b' })),
    tokenCase('wrong issuer', 'token_issuer_mismatch', token({ iss: 'https://other.example' })),
    tokenCase('wrong audience', 'token_audience_mismatch', token({ aud: 'someone-else' })),
    tokenCase('wrong subject', 'site_unknown', token({ sub: 'other-site' })),
    tokenCase('unknown kid', 'token_key_unknown', token({}, { kid: 'rsa-9' }, stranger)),
    tokenCase("signed by a stranger under the site's kid", 'token_signature_invalid', token({}, {}, stranger)),
    tokenCase('alg none', 'token_algorithm_refused', token({}, { alg: 'none' })),
    tokenCase('HS256 with the public key as secret', 'token_algorithm_refused', token({}, { alg: 'HS256' }, rs256, rs256.public_key)),
    tokenCase(
      'ES256 under an RS256 kid',
      'token_algorithm_refused',
      keptToken('ES256 under an RS256 kid') ?? token({}, { alg: 'ES256' }, es256),
    ),
    tokenCase('altered claims', 'token_signature_invalid', `${base64url(HEADER)}.${base64url({ ...CLAIMS, exp: NOW_S + 299 })}.${goodSignature}`),
    tokenCase('altered signature', 'token_signature_invalid', flipped(good, good.length - 40)),
    tokenCase('empty signature', 'token_signature_invalid', good.slice(0, good.lastIndexOf('.') + 1)),
    tokenCase('critical extension', 'token_malformed', token({}, { crit: ['b64'], b64: false })),
    tokenCase('no kid', 'token_malformed', token({}, { kid: undefined })),
    tokenCase('two parts', 'token_malformed', good.slice(0, good.lastIndexOf('.'))),
    tokenCase('not base64url', 'token_malformed', `${good}=`),
    tokenCase('header is not an object', 'token_malformed', `${base64url([1])}.${good.slice(good.indexOf('.') + 1)}`),
  ],
});

const event = {
  event_type: 'post.published',
  object_ref: '17',
  idempotency_key: KEY,
  occurred_at: iso(NOW_S - 5),
  sent_at: iso(NOW_S),
  data: {
    post_id: 17,
    post_type: 'post',
    title: 'Fähre – 渡し船 🚢',
    url: 'https://harbour.example/?p=17',
    content: 'a/b "quoted" \\ back',
    published_at: iso(NOW_S - 5),
  },
};
const asciiBody = JSON.stringify(event).replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
const hmacCase = (name: string, secret: string, body: string | Buffer, signature = bodySignature(secretKey(secret), body)) => ({
  name,
  secret,
  body_base64: Buffer.from(body).toString('base64'),
  signature,
  valid: signature === bodySignature(secretKey(secret), body),
});
const asciiSignature = bodySignature(secretKey(SECRET), asciiBody);
write('hmac.json', {
  cases: [
    hmacCase('an event, pure ASCII', SECRET, asciiBody),
    hmacCase('an event, UTF-8', SECRET, JSON.stringify(event)),
    hmacCase('the empty body', SECRET, ''),
    hmacCase('bytes that are not UTF-8', SECRET, Buffer.from([0xff, 0x00, 0xfe])),
    hmacCase('a secret that looks like base64 is used as it is written', 'c2VjcmV0', asciiBody),
    hmacCase('one byte of the body altered', SECRET, asciiBody.replace('17', '18'), asciiSignature),
    hmacCase('another secret', PREVIOUS_SECRET, asciiBody, asciiSignature),
    hmacCase('upper-case hex', SECRET, asciiBody, `sha256=${asciiSignature.slice(7).toUpperCase()}`),
    hmacCase('no prefix', SECRET, asciiBody, asciiSignature.slice(7)),
    hmacCase('cut short', SECRET, asciiBody, asciiSignature.slice(0, -2)),
    hmacCase('another algorithm named', SECRET, asciiBody, asciiSignature.replace('sha256', 'sha1')),
  ],
});

const { sent_at, ...unsent } = event;
const same = fingerprint(event);
const fingerprintCase = (name: string, body: string) => ({ name, body, fingerprint: fingerprint(JSON.parse(body)) });
const fingerprints = [
  fingerprintCase('as sent', JSON.stringify(event)),
  fingerprintCase('sent again later', JSON.stringify({ ...event, sent_at: iso(NOW_S + 3600) })),
  fingerprintCase('without sent_at', JSON.stringify(unsent)),
  fingerprintCase('members in another order', JSON.stringify(Object.fromEntries(Object.entries(unsent).reverse()))),
  fingerprintCase('other white space and escapes', JSON.stringify(event, null, 2).replace('/', '\\/')),
  fingerprintCase('pure ASCII', asciiBody),
  fingerprintCase('another title', JSON.stringify({ ...event, data: { ...event.data, title: 'Other' } })),
  fingerprintCase('sent_at inside data counts', JSON.stringify({ ...event, data: { ...event.data, sent_at } })),
  fingerprintCase('another occurred_at', JSON.stringify({ ...event, occurred_at: iso(NOW_S - 6) })),
  fingerprintCase('numbers', '{"data":{"a":1.0,"b":1e3,"c":-0,"d":0.1,"e":1E-7,"f":123456789012}}'),
];
write('fingerprints.json', { cases: fingerprints.map((item) => ({ ...item, same_event: item.fingerprint === same })) });

const driftCase = (name: string, occurredS: number, sentS: number | undefined, expect: 'accepted' | 'timestamp_drift') => ({
  name,
  occurred_at: iso(occurredS),
  ...(sentS === undefined ? {} : { sent_at: iso(sentS) }),
  expect,
});
write('drift.json', {
  now_s: NOW_S,
  cases: [
    driftCase('just now', NOW_S, undefined, 'accepted'),
    driftCase('300 s ago', NOW_S - 300, undefined, 'accepted'),
    driftCase('301 s ago', NOW_S - 301, undefined, 'timestamp_drift'),
    driftCase('300 s ahead', NOW_S + 300, undefined, 'accepted'),
    driftCase('301 s ahead', NOW_S + 301, undefined, 'timestamp_drift'),
    driftCase('waited 71 h in an outbox', NOW_S - 71 * 3600, NOW_S, 'accepted'),
    driftCase('waited 72 h in an outbox', NOW_S - 72 * 3600, NOW_S, 'accepted'),
    driftCase('waited longer than 72 h', NOW_S - 72 * 3600 - 1, NOW_S, 'timestamp_drift'),
    driftCase('happened now, sent 301 s ago', NOW_S, NOW_S - 301, 'timestamp_drift'),
    driftCase('sent now, happened in the future', NOW_S + 301, NOW_S, 'timestamp_drift'),
  ],
});

const result = {
  result_id: '3c5e1f0a-52d7-5b1e-9d43-0c8f2b7a6e10',
  request_id: requestId(SITE.site_id, KEY),
  idempotency_key: KEY,
  event_type: 'post.published',
  object_ref: '17',
  automation: 'summarize-post',
  status: 'succeeded',
  output: { summary: 'The ferry sails – jede Stunde 🚢.' },
  completed_at: iso(NOW_S - 1),
  sent_at: iso(NOW_S),
};
const pushBody = JSON.stringify(result);
const both = [secretKey(SECRET), secretKey(PREVIOUS_SECRET)];
const headersOf = (secrets: typeof both, body: string, atS = NOW_S) => ({
  'x-signature': bodySignature(secrets[0] ?? secretKey(SECRET), body),
  'x-idempotency-key': result.result_id,
  ...standardWebhooksHeaders(secrets, result.result_id, atS * 1000, body),
});
const push = (name: string, secrets: string[], headers: Record<string, string>, body: string, valid: boolean) => ({
  name,
  receiver_secrets: secrets,
  headers,
  body,
  valid,
});
const onlyNew = [secretKey(SECRET)];
const acknowledgement = JSON.stringify({ status: 'stored', result_id: result.result_id, stored_at: iso(NOW_S) });
write('callbacks.json', {
  now_s: NOW_S,
  pushes: [
    push('one secret', [SECRET], headersOf(onlyNew, pushBody), pushBody, true),
    push('both secrets sign; the receiver has the new one', [SECRET], headersOf(both, pushBody), pushBody, true),
    push('both secrets sign; the receiver still has the old one', [PREVIOUS_SECRET], headersOf(both, pushBody), pushBody, true),
    push('a receiver with both', [SECRET, PREVIOUS_SECRET], headersOf(onlyNew, pushBody), pushBody, true),
    push('a secret that the receiver does not have', ['another'], headersOf(onlyNew, pushBody), pushBody, false),
    push('altered body', [SECRET], headersOf(onlyNew, pushBody), pushBody.replace('succeeded', 'failed'), false),
    push('timestamp 301 s old', [SECRET], headersOf(onlyNew, pushBody, NOW_S - 301), pushBody, false),
    push(
      'another webhook-id than was signed',
      [SECRET],
      { ...headersOf(onlyNew, pushBody), 'webhook-id': KEY, 'x-signature': `sha256=${'0'.repeat(64)}` },
      pushBody,
      false,
    ),
  ],
  acknowledgements: [
    { name: 'signed', secret: SECRET, body: acknowledgement, signature: bodySignature(secretKey(SECRET), acknowledgement), valid: true },
    { name: 'unsigned', secret: SECRET, body: acknowledgement, signature: '', valid: false },
    {
      name: 'signed by another',
      secret: SECRET,
      body: acknowledgement,
      signature: bodySignature(secretKey('another'), acknowledgement),
      valid: false,
    },
  ],
});
write('standard-webhooks.json', {
  comment: 'The library form of a secret is `whsec_` and the base64 of its UTF-8 bytes.',
  cases: [
    {
      name: 'a push',
      secret: SECRET,
      library_secret: `whsec_${Buffer.from(SECRET).toString('base64')}`,
      id: result.result_id,
      timestamp_s: NOW_S,
      body: pushBody,
      signature: standardWebhooksHeaders(onlyNew, result.result_id, NOW_S * 1000, pushBody)['webhook-signature'],
    },
  ],
});
write('identifiers.json', {
  cases: [{ site_id: SITE.site_id, idempotency_key: KEY, request_id: requestId(SITE.site_id, KEY) }],
});
