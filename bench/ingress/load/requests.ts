import { randomBytes } from 'node:crypto';
import { type RequestOverrides, type SignedRequest, signedRequest, type TestSender } from '@pressferry/testing/signing';
import type { PooledRequest } from './pool.ts';
import { benchSender } from './site.ts';

export type RequestKind = 'good' | 'bad_hmac' | 'bad_token' | 'oversized';
/** `hostile` alternates 40 % bad HMACs, 50 % bad tokens and 10 % oversized bodies. */
export type PoolKind = RequestKind | 'hostile';

export function kindAt(pool: PoolKind, n: number): RequestKind {
  if (pool !== 'hostile') return pool;
  if (n % 10 === 0) return 'oversized';
  return n % 2 === 0 ? 'bad_hmac' : 'bad_token';
}

export const BODY_BYTES = 1024;
/** One byte above ingress' limit. */
const OVERSIZED_BYTES = 262_145;

/** With its own key, token id, times and text. */
export function makeRequest(kind: RequestKind, sender: TestSender = benchSender): PooledRequest {
  const request = signedRequest(sender, { event: event(), ...faultOf(kind) });
  return toWire(kind === 'bad_token' ? withBrokenToken(request) : request);
}

function event(): Record<string, unknown> {
  const data = { form_id: '7', form_name: 'Contact', fields: { email: 'ada@example.com', message: '' } };
  const fields = { event_type: 'form.submitted', object_ref: `entry-${randomBytes(6).toString('hex')}`, data };
  // 98 more bytes come with the key and the time that `signedRequest` adds.
  const missing = BODY_BYTES - 98 - JSON.stringify(fields).length;
  data.fields.message = randomBytes(Math.ceil(missing / 2))
    .toString('hex')
    .slice(0, missing);
  return fields;
}

function faultOf(kind: RequestKind): RequestOverrides {
  if (kind === 'bad_hmac') return { headers: { 'x-signature': `sha256=${randomBytes(32).toString('hex')}` } };
  if (kind === 'oversized') return { body: 'x'.repeat(OVERSIZED_BYTES) };
  return {};
}

/** Of the right length: only the RSA operation finds out. */
function withBrokenToken(request: SignedRequest): SignedRequest {
  const token = request.headers.authorization ?? '';
  const signature = randomBytes(256).toString('base64url');
  const authorization = `${token.slice(0, token.lastIndexOf('.') + 1)}${signature}`;
  return { ...request, headers: { ...request.headers, authorization } };
}

function toWire({ headers, body, idempotencyKey }: SignedRequest): PooledRequest {
  const all: Record<string, string> = {
    host: '127.0.0.1',
    'user-agent': 'WordPress/6.8; https://bench.example',
    accept: '*/*',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`POST /ingest HTTP/1.1\r\n${lines.join('')}\r\n`);
  return { raw: Buffer.concat([head, Buffer.from(body)]), bodyStart: head.length, idempotencyKey };
}
