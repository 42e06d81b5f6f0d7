import { createHmac, type KeyObject, randomUUID, sign } from 'node:crypto';

export interface TestSender {
  siteId: string;
  issuer: string;
  audience?: string;
  kid: string;
  alg: 'RS256' | 'ES256' | 'EdDSA' | 'HS256' | 'none';
  /** Signs the token, unless `alg` is HS256 (then `hmacSecret` does) or none. */
  privateKey?: KeyObject;
  /** Signs the body; its UTF-8 bytes are the key. */
  hmacSecret: string;
}

/** Changes to a valid request; undefined removes a field, claim or header. */
export interface RequestOverrides {
  event?: Record<string, unknown>;
  /** Replaces the event's compact JSON; it gets signed. */
  body?: string;
  bodyAfterSigning?: string;
  tokenHeader?: Record<string, unknown>;
  claims?: Record<string, unknown>;
  headers?: Record<string, string | undefined>;
  /** The sender's clock, in ms since 1970. */
  nowMs?: number;
}

/** To `POST /ingest`. */
export interface SignedRequest {
  method: 'POST';
  headers: Record<string, string>;
  body: string;
  event: Record<string, unknown>;
  idempotencyKey: string;
}

/** Valid by default, with anything broken by `overrides`. Written apart from the product's signing code on purpose. */
export function signedRequest(sender: TestSender, overrides: RequestOverrides = {}): SignedRequest {
  const nowMs = overrides.nowMs ?? Date.now();
  const event = withoutUndefined({ ...defaultEvent(nowMs), ...overrides.event });
  const body = overrides.body ?? JSON.stringify(event);
  const idempotencyKey = String(event.idempotency_key ?? '');
  const headers = withoutUndefined({
    'content-type': 'application/json',
    authorization: `Bearer ${signedToken(sender, overrides)}`,
    'x-signature': `sha256=${createHmac('sha256', sender.hmacSecret).update(body).digest('hex')}`,
    'x-idempotency-key': idempotencyKey,
    ...lowerCaseNames(overrides.headers ?? {}),
  });
  return { method: 'POST', headers, body: overrides.bodyAfterSigning ?? body, event, idempotencyKey };
}

/** For routes without a body (`GET /results`). */
export function signedToken(
  sender: Omit<TestSender, 'hmacSecret'> & { hmacSecret?: string },
  { tokenHeader, claims, nowMs = Date.now() }: Pick<RequestOverrides, 'tokenHeader' | 'claims' | 'nowMs'> = {},
): string {
  const { siteId, issuer, audience = 'pressferry', kid, alg } = sender;
  const nowSeconds = Math.floor(nowMs / 1000);
  const header = withoutUndefined({ alg, typ: 'JWT', kid, ...tokenHeader });
  const payload = withoutUndefined({
    iss: issuer,
    sub: siteId,
    aud: audience,
    iat: nowSeconds,
    exp: nowSeconds + 120,
    jti: randomUUID(),
    ...claims,
  });
  const signingInput = `${base64urlJson(header)}.${base64urlJson(payload)}`;
  return `${signingInput}.${signature(sender, signingInput).toString('base64url')}`;
}

function defaultEvent(nowMs: number): Record<string, unknown> {
  return {
    event_type: 'form.submitted',
    object_ref: 'entry-1',
    idempotency_key: randomUUID(),
    occurred_at: new Date(nowMs).toISOString(),
    data: { form_id: '1', fields: { message: 'Hello' } },
  };
}

function signature({ alg, privateKey, hmacSecret = '' }: Partial<TestSender>, input: string): Buffer {
  if (alg === 'none') return Buffer.alloc(0);
  if (alg === 'HS256') return createHmac('sha256', hmacSecret).update(input).digest();
  if (!privateKey) throw new Error(`${alg} needs a privateKey`);
  const digest = alg === 'EdDSA' ? null : 'sha256';
  return sign(digest, Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
}

const base64urlJson = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

function withoutUndefined<T>(record: Record<string, T | undefined>): Record<string, T> {
  const entries = Object.entries(record).filter((entry): entry is [string, T] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}

function lowerCaseNames<T>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name.toLowerCase(), value]));
}
