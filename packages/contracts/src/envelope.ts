import { z } from 'zod';

/** The largest body ingress takes, in bytes. */
export const MAX_BODY_BYTES = 262_144;
/** An event's message without its body: the fields of its envelope once more, and the headers. */
export const MAX_BESIDE_BODY_BYTES = 8_192;
/** Nonce and tag of a sealed body; its text is base64 behind `pf1.<key id>.`. */
const SEAL_BYTES = 28;
const MAX_SEAL_PREFIX_BYTES = 37;
/** The largest message of EVENTS, its body sealed, in bytes: what `max_payload` of NATS must allow. */
export const MAX_EVENT_MESSAGE_BYTES =
  Math.ceil(((MAX_BODY_BYTES + SEAL_BYTES) * 4) / 3) + MAX_SEAL_PREFIX_BYTES + MAX_BESIDE_BODY_BYTES;
/** How far `sent_at` (or `occurred_at` if there is none) may be from the server's clock, in ms. */
export const MAX_DRIFT_MS = 300_000;
/** How old `occurred_at` may be where `sent_at` vouches for the sending, in ms. */
export const MAX_EVENT_AGE_MS = 72 * 3_600_000;
/** The longest life of a token, `exp` − `iat`, in seconds. */
export const MAX_TOKEN_LIFE_S = 300;
/** The clock skew granted to a token's times, in seconds. */
export const TOKEN_SKEW_S = 60;
/** The audience of tokens unless configured. */
export const DEFAULT_AUDIENCE = 'pressferry';

const EVENT_TYPE = /^[a-z][a-z0-9_]{0,30}(\.[a-z][a-z0-9_]{0,30}){1,3}$/;
const MAX_REF_CHARS = 255;
/** No control characters: Postgres stores no NUL in a text, and a 202 must mean that the event can be stored. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about.
const OBJECT_REF = /^[^\u0000-\u001f\u007f-\u009f]*$/;
const utcInstant = z.iso.datetime({ offset: false });

/** The form of an event on the wire (design, section 4), without the schema of `data`, which its event type gives. */
export const envelopeSchema = z.strictObject({
  event_type: z.string().regex(EVENT_TYPE),
  object_ref: z.string().min(1).max(MAX_REF_CHARS).regex(OBJECT_REF),
  idempotency_key: z.uuid({ version: 'v4' }).lowercase(),
  occurred_at: utcInstant,
  sent_at: utcInstant.optional(),
  data: z.record(z.string(), z.unknown()),
});

/** An event as WordPress sends it. */
export type Envelope = z.infer<typeof envelopeSchema>;

/** `drift` says why the times of an event are refused, or null when they are in order; `nowMs` is the server's clock. */
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
