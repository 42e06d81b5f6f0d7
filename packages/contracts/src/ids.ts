import { hash } from 'node:crypto';

/** Namespace of every UUIDv5 this product derives; fixed for ever, or repeats of a key would change their request_id. */
const NAMESPACE = Buffer.from('4f1d6a0b9c3e5d7f8a2b1c0d9e8f7a6b', 'hex');

const SITE_ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** True for a site id: 1–63 characters, lower case, safe as a NATS subject token and as a KV key. */
export const isSiteId = (value: string): boolean => SITE_ID.test(value);

/** True for a lower-case RFC 9562 UUID of version 4. */
export const isUuidV4 = (value: string): boolean => UUID_V4.test(value);

/** The `request_id` of an event: the same for every repeat of a site's key, so that it needs no store. */
export const requestId = (siteId: string, idempotencyKey: string): string =>
  uuidV5(`event:${siteId}:${idempotencyKey}`);

/** The id of the one run that an automation has for an event. */
export const runId = (eventRequestId: string, automation: string): string =>
  uuidV5(`run:${eventRequestId}:${automation}`);

/** The id of a run's result; also its message id, its `webhook-id` and its `X-Idempotency-Key`. */
export const resultId = (id: string): string => uuidV5(`result:${id}`);

/** The NATS message id of an event: what JetStream deduplicates by (design: site + idempotency key). */
export const eventMessageId = (siteId: string, idempotencyKey: string): string => `${siteId}:${idempotencyKey}`;

function uuidV5(name: string): string {
  const bytes = hash('sha1', Buffer.concat([NAMESPACE, Buffer.from(name)]), 'buffer');
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
