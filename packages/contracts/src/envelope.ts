import { z } from 'zod';
import { EVENT_TYPE } from './ids.ts';

/** In bytes. */
export const MAX_BODY_BYTES = 262_144;
/** The rest of an event's message, headers included, in bytes. */
export const MAX_BESIDE_BODY_BYTES = 8_192;
/** Nonce and tag of a sealed body; its text is base64 after `pf1.<key id>.`. */
const SEAL_BYTES = 28;
const MAX_SEAL_PREFIX_BYTES = 37;
/** The largest message of EVENTS, sealed, in bytes: the least `max_payload` of NATS. */
export const MAX_EVENT_MESSAGE_BYTES =
  Math.ceil(((MAX_BODY_BYTES + SEAL_BYTES) * 4) / 3) + MAX_SEAL_PREFIX_BYTES + MAX_BESIDE_BODY_BYTES;
/** Between `sent_at` (else `occurred_at`) and the server's clock, in ms. */
export const MAX_DRIFT_MS = 300_000;
/** Of `occurred_at`, if there is a `sent_at`, in ms. */
export const MAX_EVENT_AGE_MS = 72 * 3_600_000;
/** `exp` − `iat`, in seconds. */
export const MAX_TOKEN_LIFE_S = 300;
/** In seconds. */
export const TOKEN_SKEW_S = 60;
export const DEFAULT_AUDIENCE = 'pressferry';

const MAX_REF_CHARS = 255;
/** No control characters: Postgres stores no NUL in a text, and a 202 must mean that the event can be stored. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about.
const OBJECT_REF = /^[^\u0000-\u001f\u007f-\u009f]*$/;
const utcInstant = z.iso.datetime({ offset: false });

/** Without the schema of `data`, which the event type gives. */
export const envelopeSchema = z.strictObject({
  event_type: z.string().regex(EVENT_TYPE),
  object_ref: z.string().min(1).max(MAX_REF_CHARS).regex(OBJECT_REF),
  idempotency_key: z.uuid({ version: 'v4' }).lowercase(),
  occurred_at: utcInstant,
  sent_at: utcInstant.optional(),
  data: z.record(z.string(), z.unknown()),
});

export type Envelope = z.infer<typeof envelopeSchema>;

/** Null if the times are valid; `nowMs` is the server's clock. */
export function drift(
  envelope: Pick<Envelope, 'occurred_at' | 'sent_at'>,
  nowMs: number,
): 'sent_at' | 'occurred_at' | null {
  const occurredMs = Date.parse(envelope.occurred_at);
  if (envelope.sent_at === undefined) return Math.abs(nowMs - occurredMs) <= MAX_DRIFT_MS ? null : 'occurred_at';
  if (!(Math.abs(nowMs - Date.parse(envelope.sent_at)) <= MAX_DRIFT_MS)) return 'sent_at';
  const ageMs = nowMs - occurredMs;
  return ageMs <= MAX_EVENT_AGE_MS && ageMs >= -MAX_DRIFT_MS ? null : 'occurred_at';
}
