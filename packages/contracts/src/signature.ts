import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

/** The secret's UTF-8 bytes as written. A key object makes each HMAC four times cheaper. */
export const secretKey = (secret: string): KeyObject => createSecretKey(secret, 'utf8');

/** `sha256=` and the lower-case hex HMAC-SHA256 of the raw body. */
export const bodySignature = (key: KeyObject, body: Uint8Array | string): string =>
  `sha256=${createHmac('sha256', key).update(body).digest('hex')}`;

const SIGNATURE_FORM = /^sha256=[0-9a-f]{64}$/;

export const isSignatureForm = (value: string): boolean => SIGNATURE_FORM.test(value);

/** In constant time, against each key; false for a malformed signature. */
export function verifyBodySignature(keys: readonly KeyObject[], body: Uint8Array, signature: string): boolean {
  if (!isSignatureForm(signature)) return false;
  const given = Buffer.from(signature.slice('sha256='.length), 'hex');
  return keys.some((key) => timingSafeEqual(createHmac('sha256', key).update(body).digest(), given));
}

/** The three headers of one attempt; every key signs, newest first. `sentAtMs` is rounded down to seconds. */
export function standardWebhooksHeaders(
  keys: readonly KeyObject[],
  id: string,
  sentAtMs: number,
  body: string,
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const timestamp = String(Math.floor(sentAtMs / 1000));
  const signatures = keys.map(
    (key) => `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`,
  );
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
