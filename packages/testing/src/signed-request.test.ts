import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { importJWK, type JWTVerifyOptions, jwtVerify } from 'jose';
import { ecKeyPair, edKeyPair, rsaKeyPair } from './keys.ts';
import { signedRequest, signedToken, type TestSender } from './signed-request.ts';

const SECRET = 'site-secret-ÄÖÜ';
const sender = (pair = rsaKeyPair()): TestSender => ({
  siteId: 'shop',
  issuer: 'https://shop.example',
  kid: pair.kid,
  alg: pair.alg,
  privateKey: pair.privateKey,
  hmacSecret: SECRET,
});
const expected: JWTVerifyOptions = { issuer: 'https://shop.example', subject: 'shop', audience: 'pressferry' };

test('tokens of every key type verify with jose', async () => {
  for (const pair of [rsaKeyPair(), ecKeyPair(), edKeyPair()]) {
    const { authorization = '' } = signedRequest(sender(pair)).headers;
    const key = await importJWK(pair.publicJwk, pair.alg);
    const { payload, protectedHeader } = await jwtVerify(authorization.replace('Bearer ', ''), key, expected);
    assert.equal(protectedHeader.kid, pair.kid);
    assert.ok((payload.exp ?? 0) - (payload.iat ?? 0) <= 300);
  }
  const token = signedToken({ ...sender(), alg: 'HS256' });
  await jwtVerify(token, new TextEncoder().encode(SECRET), expected);
});

test('the two keys of a type differ, and each is the same at every call', () => {
  assert.notEqual(rsaKeyPair(0).publicPem, rsaKeyPair(1).publicPem);
  assert.equal(ecKeyPair(1).publicPem, ecKeyPair(1).publicPem);
});

test('the body is signed with the UTF-8 bytes of the secret, and header and body carry one idempotency key', () => {
  const { headers, body, idempotencyKey } = signedRequest(sender());
  const hmac = createHmac('sha256', Buffer.from(SECRET, 'utf8')).update(body).digest('hex');
  assert.equal(headers['x-signature'], `sha256=${hmac}`);
  assert.equal(headers['x-idempotency-key'], idempotencyKey);
  assert.equal(JSON.parse(body).idempotency_key, idempotencyKey);
});

test('two requests share neither idempotency key nor jti', () => {
  const [one, two] = [signedRequest(sender()), signedRequest(sender())];
  assert.notEqual(one.idempotencyKey, two.idempotencyKey);
  assert.notEqual(claimsOf(one.headers).jti, claimsOf(two.headers).jti);
});

test('any one thing can be broken, the rest staying valid', () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const request = signedRequest(sender(), {
    nowMs,
    event: { object_ref: undefined, extra: 1 },
    claims: { jti: undefined, aud: 'other' },
    tokenHeader: { kid: 'unknown' },
    headers: { 'X-Signature': 'sha256=00', 'Content-Type': undefined },
    bodyAfterSigning: '{}',
  });
  assert.equal(request.body, '{}');
  assert.deepEqual([request.event.object_ref, request.event.extra], [undefined, 1]);
  assert.deepEqual([claimsOf(request.headers).jti, claimsOf(request.headers).aud], [undefined, 'other']);
  assert.deepEqual([request.headers['x-signature'], request.headers['content-type']], ['sha256=00', undefined]);
  assert.equal(request.event.occurred_at, '2026-01-01T00:00:00.000Z');
  assert.equal(claimsOf(request.headers).iat, nowMs / 1000);
});

function claimsOf({ authorization = '' }: Record<string, string>): Record<string, unknown> {
  return JSON.parse(Buffer.from(authorization.split('.')[1] ?? '', 'base64url').toString());
}
