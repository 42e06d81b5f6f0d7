import { z } from 'zod';
import type { Message } from './cluster.ts';

const amount = z.number().min(0);
const from = z.string();
const flight = z.string();

const messageSchema = z.discriminatedUnion('kind', [
  z.object({
    from,
    kind: z.literal('ask'),
    flight,
    scope: z.enum(['ip', 'site']),
    key: z.string(),
    perMinute: amount,
    burst: z.number().min(1),
    need: amount,
    stock: amount,
    rank: z.number(),
  }),
  z.object({ from, kind: z.literal('gift'), flight, amount, left: amount }),
  z.object({ from, kind: z.literal('settle'), flight, back: z.number().min(0).max(1), counted: z.array(z.string()) }),
  z.object({ from, kind: z.literal('join') }),
  z.object({ from, kind: z.literal('joined'), active: z.boolean() }),
  z.object({ from, kind: z.literal('left') }),
]);

/** Reads what another replica sent; null if it has no known form. */
export function readMessage(data: Uint8Array): Message | null {
  try {
    return messageSchema.safeParse(JSON.parse(Buffer.from(data).toString('utf8'))).data ?? null;
  } catch {
    return null;
  }
}
