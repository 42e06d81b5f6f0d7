import { v5 } from 'uuid';

/** Of every derived UUIDv5; fixed forever, or repeats of a key would change their request_id. */
const NAMESPACE = '4f1d6a0b-9c3e-5d7f-8a2b-1c0d9e8f7a6b';

const SITE_ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;
/** Two to four lower-case words, separated by dots. */
export const EVENT_TYPE = /^[a-z][a-z0-9_]{0,30}(\.[a-z][a-z0-9_]{0,30}){1,3}$/;
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** 1–63 lower-case characters, safe as a NATS subject token and a KV key. */
export const isSiteId = (value: string): boolean => SITE_ID.test(value);

export const isEventType = (value: string): boolean => EVENT_TYPE.test(value);

/** Lower-case RFC 9562. */
export const isUuidV4 = (value: string): boolean => UUID_V4.test(value);

/** The same for every repeat of a site's key, so it needs no store. */
export const requestId = (siteId: string, idempotencyKey: string): string =>
  v5(`event:${siteId}:${idempotencyKey}`, NAMESPACE);

export const runId = (eventRequestId: string, automation: string): string =>
  v5(`run:${eventRequestId}:${automation}`, NAMESPACE);

/** Also the message id, the `webhook-id` and the `X-Idempotency-Key`. */
export const resultId = (id: string): string => v5(`result:${id}`, NAMESPACE);

export const eventMessageId = (siteId: string, idempotencyKey: string): string => `${siteId}:${idempotencyKey}`;
