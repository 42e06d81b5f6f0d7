import { z } from 'zod';

const instant = z.iso.datetime();

/** The body of a push, and of an entry of `GET /results` (without `sent_at`). */
export const resultBodySchema = z.object({
  result_id: z.uuid(),
  request_id: z.uuid(),
  idempotency_key: z.uuid(),
  event_type: z.string(),
  object_ref: z.string(),
  automation: z.string(),
  status: z.enum(['succeeded', 'failed']),
  output: z.record(z.string(), z.unknown()),
  error: z.object({ code: z.string(), step: z.string() }).optional(),
  completed_at: instant,
  sent_at: instant.optional(),
});

export type ResultBody = z.infer<typeof resultBodySchema>;

/** WordPress' answer to a push that it stored; `X-Signature` signs this body. */
export const acknowledgementSchema = z.object({
  status: z.enum(['stored', 'duplicate']),
  result_id: z.uuid(),
  stored_at: instant,
});

export type Acknowledgement = z.infer<typeof acknowledgementSchema>;

export interface ResultsPage {
  results: ResultBody[];
  /** Opaque; pass it as `since`. Present even if the page is empty. */
  cursor: string;
  has_more: boolean;
}
