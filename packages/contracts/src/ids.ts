import { v5 } from 'uuid';

/** Namespace of every UUIDv5 this product derives; fixed forever, or repeats of a key would change their request_id. */
const NAMESPACE = '4f1d6a0b-9c3e-5d7f-8a2b-1c0d9e8f7a6b';

const SITE_ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** True for a site id: 1–63 characters, lower case, safe as a NATS subject token and as a KV key. */
export const isSiteId = (value: string): boolean => SITE_ID.test(value);

/** True for a lower-case RFC 9562 UUID of version 4. */
export const isUuidV4 = (value: string): boolean => UUID_V4.test(value);

/** The `request_id` of an event: the same for every repeat of a site's key, so it needs no store. */
export const requestId = (siteId: string, idempotencyKey: string): string =>
  v5(`event:${siteId}:${idempotencyKey}`, NAMESPACE);

/** The id of the one run that an automation has for an event. */
export const runId = (eventRequestId: string, automation: string): string =>
  v5(`run:${eventRequestId}:${automation}`, NAMESPACE);

/** The id of a run's result; also its message id, its `webhook-id` and its `X-Idempotency-Key`. */
export const resultId = (id: string): string => v5(`result:${id}`, NAMESPACE);

/** The NATS message id of an event: what JetStream deduplicates by (design: site + idempotency key). */
export const eventMessageId = (siteId: string, idempotencyKey: string): string => `${siteId}:${idempotencyKey}`;
