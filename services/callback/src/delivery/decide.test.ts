import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { bodySignature, secretKey } from '@pressferry/contracts';
import fc from 'fast-check';
import type { Answer } from '../model.ts';
import { decide } from './decide.ts';

const KEY = secretKey('a secret – Œuvre');
const OTHER = secretKey('another secret');
const RESULT_ID = '3c5e1f0a-52d7-5b1e-9d43-0c8f2b7a6e10';
const NOW_MS = Date.parse('2026-11-24T06:00:00Z');
const expected = { resultId: RESULT_ID, keys: [KEY, OTHER], nowMs: NOW_MS };

const acknowledgement = { status: 'stored', result_id: RESULT_ID, stored_at: '2026-11-24T06:00:00.000Z' };

type Response = Extract<Answer, { kind: 'response' }>;

function answer(members: Partial<Omit<Response, 'body'>> & { body?: string; key?: typeof KEY | null } = {}): Answer {
  const { body = JSON.stringify(acknowledgement), key = KEY, ...rest } = members;
  return {
    kind: 'response',
    status: 200,
    contentType: 'application/json',
    signature: key === null ? undefined : bodySignature(key, body),
    retryAfter: undefined,
    isCut: false,
    body: Buffer.from(body),
    ...rest,
  };
}

const codeOf = (given: Answer): string => {
  const decision = decide(given, expected);
  return decision.kind === 'acknowledged' ? 'acknowledged' : decision.code;
};

test('a signed acknowledgement of our result is a delivery, also when it was there before', () => {
  assert.deepEqual(decide(answer(), expected), { kind: 'acknowledged' });
  assert.equal(codeOf(answer({ key: OTHER })), 'acknowledged');
  const duplicate = JSON.stringify({ ...acknowledgement, status: 'duplicate' });
  assert.equal(codeOf(answer({ body: duplicate })), 'acknowledged');
});

const html = { contentType: 'text/html; charset=utf-8', body: '<!doctype html><title>Hello</title>', key: null };

const cases: [string, Answer, string][] = [
  ['a 200 without a signature', answer({ key: null }), 'unsigned_answer'],
  ['a 200 with an empty signature', answer({ signature: '' }), 'unsigned_answer'],
  ['a 200 signed by a stranger', answer({ key: secretKey('stranger') }), 'signature_mismatch'],
  ['a 200 with a malformed signature', answer({ signature: 'sha256=zz' }), 'signature_mismatch'],
  [
    'a signed 200 about another result',
    answer({ body: JSON.stringify({ ...acknowledgement, result_id: '7d444840-9dc0-41d1-b245-5ffdce74fad2' }) }),
    'acknowledgement_of_another',
  ],
  ['a signed 200 that is no acknowledgement', answer({ body: '{"status":"ok"}' }), 'acknowledgement_malformed'],
  ['a signed 200 that is no JSON', answer({ body: 'stored' }), 'acknowledgement_malformed'],
  ['a 200 that is too large to read', answer({ isCut: true }), 'answer_too_large'],
  ['a 201 without a signature', answer({ status: 201, key: null }), 'unexpected_status'],
  ['a signed 500 that is no acknowledgement', answer({ status: 500, body: '{}' }), 'server_error'],
  ['a 204', answer({ status: 204, body: '', key: null }), 'unexpected_status'],
  ['a captcha page with 200', answer(html), 'html_answer'],
  ['a captcha page that says it is JSON', answer({ ...html, contentType: 'application/json' }), 'html_answer'],
  ['a firewall page with 403', answer({ ...html, status: 403 }), 'html_answer'],
  ['a maintenance page with 503', answer({ ...html, status: 503 }), 'html_answer'],
  [
    "WordPress's own refusal with 401",
    answer({ status: 401, body: '{"code":"signature_invalid"}', key: null }),
    'refused',
  ],
  [
    "WordPress's 404 for a missing plugin",
    answer({ status: 404, body: '{"code":"rest_no_route"}', key: null }),
    'refused',
  ],
  ['a 429', answer({ ...html, status: 429 }), 'rate_limited'],
  ['a critical-error page with 500', answer({ ...html, status: 500 }), 'server_error'],
  ['a 502', answer({ ...html, status: 502 }), 'server_error'],
  ['a 503 with JSON', answer({ status: 503, key: null }), 'server_error'],
  ['a 301', answer({ status: 301, key: null }), 'redirected'],
  ['a 410 that nobody signed', answer({ status: 410, key: null }), 'gone_unsigned'],
  ['a 410 page of a host', answer({ ...html, status: 410 }), 'gone_unsigned'],
  ['a 410 signed by a stranger', answer({ status: 410, body: '{}', key: secretKey('stranger') }), 'gone_unsigned'],
];
describe('every other answer is tried again', () => {
  for (const [name, given, code] of cases) {
    test(`${name}: ${code}`, () => assert.deepEqual(decide(given, expected), { kind: 'retry', code }));
  }
});

test('a 410 that the site signed stops the endpoint', () => {
  const gone = answer({ status: 410, body: '{"code":"pressferry_gone"}' });
  assert.deepEqual(decide(gone, expected), { kind: 'stopped', code: 'endpoint_gone' });
});

test('a signed acknowledgement of our result is a delivery, whatever the status says', () => {
  const status = fc.integer({ min: 200, max: 599 });
  fc.assert(fc.property(status, (given) => codeOf(answer({ status: given })) === 'acknowledged'));
});

test('what WordPress prints around a signed acknowledgement is overlooked as long as it is white space or a byte order mark', () => {
  const signed = JSON.stringify(acknowledgement);
  const signature = bodySignature(KEY, signed);
  const noise = fc.array(fc.constantFrom(' ', '\n', '\r', '\t', '\ufeff')).map((parts) => parts.join(''));
  const after = fc.array(fc.constantFrom(' ', '\n', '\r', '\t')).map((parts) => parts.join(''));
  fc.assert(
    fc.property(noise, after, (before, behind) => {
      return codeOf(answer({ body: `${before}${signed}${behind}`, signature })) === 'acknowledged';
    }),
  );
  assert.equal(codeOf(answer({ body: `<b>Warning</b>${signed}`, signature })), 'signature_mismatch');
});

test('an acknowledgement with its signature in the line below is a delivery, whatever a site printed before it', () => {
  const signed = JSON.stringify(acknowledgement);
  const lines = `${signed}\nX-Signature: ${bodySignature(KEY, signed)}\n`;
  fc.assert(
    fc.property(fc.string(), (before) => codeOf(answer({ key: null, body: `${before}\n${lines}` })) === 'acknowledged'),
  );
  assert.equal(codeOf(answer({ key: null, body: lines })), 'acknowledged', 'nothing was printed');
  const wrong = [
    `\n${signed}\nX-Signature: ${bodySignature(secretKey('stranger'), signed)}`,
    `\n${signed} \nX-Signature: ${bodySignature(KEY, signed)}`,
    `\nX-Signature: ${bodySignature(KEY, signed)}`,
    `${signed}X-Signature: ${bodySignature(KEY, signed)}`,
  ];
  for (const body of wrong) assert.equal(codeOf(answer({ key: null, body })), 'unsigned_answer', body);
  assert.equal(codeOf(answer({ signature: '', body: `\n${lines}` })), 'unsigned_answer', 'a header is not passed over');
});

test('no unsigned answer is ever a delivery', () => {
  const response = fc.record({
    status: fc.integer({ min: 200, max: 599 }),
    contentType: fc.string(),
    signature: fc.option(fc.oneof(fc.string(), fc.stringMatching(/^sha256=[0-9a-f]{64}$/)), { nil: undefined }),
    retryAfter: fc.option(fc.string(), { nil: undefined }),
    isCut: fc.boolean(),
    body: fc.oneof(fc.constant(JSON.stringify(acknowledgement)), fc.string()).map((text) => Buffer.from(text)),
  });
  fc.assert(fc.property(response, (given) => decide({ kind: 'response', ...given }, expected).kind !== 'acknowledged'));
});

test('a site is heard that says when to come back', () => {
  assert.deepEqual(decide(answer({ status: 429, key: null, retryAfter: '7' }), expected), {
    kind: 'retry',
    code: 'rate_limited',
    retryAfterMs: 7_000,
  });
});

describe('vectors: acknowledgements', () => {
  const path = new URL('../../../../proto/vectors/callbacks.json', import.meta.url);
  const { acknowledgements } = JSON.parse(readFileSync(path, 'utf8'));
  for (const { name, secret, body, signature, valid } of acknowledgements) {
    test(`${name}: ${valid}`, () => {
      const { kind } = decide(answer({ body, signature }), { ...expected, keys: [secretKey(secret)] });
      assert.equal(kind === 'acknowledged', valid);
    });
  }
});
