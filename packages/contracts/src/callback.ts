import { z } from 'zod';

const instant = z.iso.datetime();

/** The body of a push to a site's callback URL, and of one entry of `GET /results` (there without `sent_at`). */
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

/** A result on the wire. */
export type ResultBody = z.infer<typeof resultBodySchema>;

/** What WordPress answers to a push it has stored; signed with `X-Signature` over this body. */
export const acknowledgementSchema = z.object({
  status: z.enum(['stored', 'duplicate']),
  result_id: z.uuid(),
  stored_at: instant,
});

/** A signed acknowledgement's body. */
export type Acknowledgement = z.infer<typeof acknowledgementSchema>;

/** The page that `GET /results` answers. */
export interface ResultsPage {
  results: ResultBody[];
  /** Opaque; give it back as `since`. Present even if the page is empty. */
  cursor: string;
  has_more: boolean;
}
