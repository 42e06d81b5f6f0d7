import {
  decodeEvent,
  type EventMessage,
  fingerprint,
  isSiteId,
  isUuidV4,
  parseJson,
  requestId,
} from '@pressferry/contracts';
import { type Keyring, openEventBody, SealingKeyMissing } from '@pressferry/runtime';
import { z } from 'zod';

/** Unknown members come from a newer ingress. */
export const bodySchema = z.object({ occurred_at: z.iso.datetime(), data: z.record(z.string(), z.unknown()) });

export interface DecodedEvent {
  event: EventMessage;
  /** Of all members of the body. */
  fingerprint: string;
  occurredAt: string;
  data: Record<string, unknown>;
}

/** Events are partitioned by acceptance, and Postgres has no day, or no instant, for times outside. */
const [FIRST_MS, LAST_MS] = [Date.UTC(2000, 0, 1), Date.UTC(9999, 0, 1)];
const isTime = (ms: number): boolean => ms >= FIRST_MS && ms < LAST_MS;

/**
 * Decodes an EVENTS message and opens its body. Null if it is not an event or its ids do not match. Throws a
 * `SealingKeyMissing` if this process lacks the body's key.
 */
export function decode(bytes: Uint8Array, keyring: Pick<Keyring, 'open'>): DecodedEvent | null {
  try {
    const event = decodeEvent(bytes);
    const { siteId, idempotencyKey } = event;
    if (!isSiteId(siteId) || !isUuidV4(idempotencyKey)) return null;
    if (event.requestId !== requestId(siteId, idempotencyKey) || !isTime(event.receivedAtMs)) return null;
    // Postgres stores no NUL in a text; ingress has no such type.
    if (/\p{Cc}/u.test(event.eventType)) return null;
    const body: unknown = parseJson(Buffer.from(openEventBody(keyring, event.body, event.requestId)).toString('utf8'));
    const parsed = bodySchema.safeParse(body);
    if (!parsed.success || !isTime(Date.parse(parsed.data.occurred_at))) return null;
    const { occurred_at: occurredAt, data } = parsed.data;
    // Throws on a body that is nested too deeply.
    return { event, fingerprint: fingerprint(body as Record<string, unknown>), occurredAt, data };
  } catch (error) {
    if (error instanceof SealingKeyMissing) throw error;
    return null;
  }
}
