import { isSignatureForm, isUuidV4 } from '@pressferry/contracts';
import { parseToken, type UnverifiedToken } from '@pressferry/sites';
import { type Refusal, refuse } from '../model.ts';

/** Each header is present once and well formed; nothing is verified. */
export interface RequestHeaders {
  token: UnverifiedToken;
  signature: string;
  idempotencyKey: string;
  traceparent: string | undefined;
}

const CONTENT_TYPE = /^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i;
const SINGLE = new Set([
  'authorization',
  'content-type',
  'content-encoding',
  'x-signature',
  'x-idempotency-key',
  'traceparent',
]);

/**
 * Relevant headers by lower-case name, or the name of a repeated one. Node would join or drop repeats, and read
 * something else than a proxy in front did.
 */
export function readHeaders(rawHeaders: readonly string[]): Map<string, string> | string {
  const found = new Map<string, string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? '';
    if (!SINGLE.has(name)) continue;
    if (found.has(name)) return name;
    found.set(name, rawHeaders[at + 1] ?? '');
  }
  return found;
}

/** Accepts JSON in UTF-8, not encoded. */
export function checkMediaType(headers: ReadonlyMap<string, string>): Refusal | null {
  if (headers.has('content-encoding')) return refuse('content_encoding_unsupported');
  return CONTENT_TYPE.test(headers.get('content-type') ?? '') ? null : refuse('content_type_unsupported');
}

/** Checks the token first, because without it no site is known. */
export function parseHeaders(headers: ReadonlyMap<string, string>): RequestHeaders | Refusal {
  const token = parseAuthorization(headers.get('authorization'));
  if ('refused' in token) return token;
  const signature = headers.get('x-signature');
  if (signature === undefined) return refuse('header_missing', { detail: 'X-Signature' });
  if (!isSignatureForm(signature)) return refuse('header_malformed', { detail: 'X-Signature' });
  const idempotencyKey = headers.get('x-idempotency-key');
  if (idempotencyKey === undefined) return refuse('header_missing', { detail: 'X-Idempotency-Key' });
  if (!isUuidV4(idempotencyKey)) return refuse('header_malformed', { detail: 'X-Idempotency-Key' });
  return { token, signature, idempotencyKey, traceparent: readTraceparent(headers.get('traceparent')) };
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})(?:$|-)/;

/**
 * Only the part that version 00 of Trace Context defines, also from a later version: arbitrary text must not reach a
 * NATS header or a log line.
 */
function readTraceparent(value: string | undefined): string | undefined {
  const known = TRACEPARENT.exec(value ?? '')?.[1];
  return known === undefined || (value?.startsWith('00') && value.length !== 55) ? undefined : `00-${known}`;
}

const BEARER = 'Bearer ';

export function parseAuthorization(authorization: string | undefined): UnverifiedToken | Refusal {
  // Fast path for the common spelling; everything else goes through the strict parser below.
  const usual = authorization?.startsWith(BEARER) ? parseToken(authorization.slice(BEARER.length)) : null;
  if (usual !== null) return usual;
  const compact = authorization === undefined ? undefined : /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (compact === undefined) return refuse('token_missing');
  return parseToken(compact) ?? refuse('token_malformed');
}

export const isKey = isUuidV4;
