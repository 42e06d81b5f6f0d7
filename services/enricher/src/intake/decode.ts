import { decodeEvent, type EventMessage, isSiteId, isUuidV4, parseJson, requestId } from '@pressferry/contracts';
import { z } from 'zod';

/** What enricher reads of a body that ingress verified; members it does not know are a newer ingress's. */
export const bodySchema = z.object({ occurred_at: z.iso.datetime(), data: z.record(z.string(), z.unknown()) });

/** A decoded event and its body, parsed. */
export interface DecodedEvent {
  event: EventMessage;
  /** All members of the body, for the fingerprint. */
  body: Record<string, unknown>;
  occurredAt: string;
  data: Record<string, unknown>;
}

/** Decodes a message of EVENTS; null where it is no event, or one whose ids do not belong together. */
export function decode(bytes: Uint8Array): DecodedEvent | null {
  try {
    const event = decodeEvent(bytes);
    const { siteId, idempotencyKey } = event;
    if (!isSiteId(siteId) || !isUuidV4(idempotencyKey)) return null;
    if (event.requestId !== requestId(siteId, idempotencyKey) || event.receivedAtMs <= 0) return null;
    const body: unknown = parseJson(Buffer.from(event.body).toString('utf8'));
    const parsed = bodySchema.safeParse(body);
    if (!parsed.success) return null;
    const { occurred_at: occurredAt, data } = parsed.data;
    return { event, body: body as Record<string, unknown>, occurredAt, data };
  } catch {
    return null;
  }
}
