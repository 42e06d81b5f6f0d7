import { z } from 'zod';
import type { Message } from './model.ts';

const amount = z.number().min(0);
const from = z.string();
const flight = z.string();

/**
 * The wire names `ask`, `gift`, `flight` and `rank` are the first release's, because replicas of two releases share
 * limits during an update.
 */
const wireSchema = z.discriminatedUnion('kind', [
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

type WireMessage = z.output<typeof wireSchema>;

function toWire(message: Message): WireMessage {
  if (message.kind === 'request') {
    const { requestId, priority, ...rest } = message;
    return { ...rest, kind: 'ask', flight: requestId, rank: priority };
  }
  if (message.kind === 'grant') {
    const { requestId, ...rest } = message;
    return { ...rest, kind: 'gift', flight: requestId };
  }
  if (message.kind !== 'settle') return message;
  const { requestId, ...rest } = message;
  return { ...rest, flight: requestId };
}

function fromWire(wire: WireMessage): Message {
  if (wire.kind === 'ask') {
    const { flight: requestId, rank: priority, ...rest } = wire;
    return { ...rest, kind: 'request', requestId, priority };
  }
  if (wire.kind === 'gift') {
    const { flight: requestId, ...rest } = wire;
    return { ...rest, kind: 'grant', requestId };
  }
  if (wire.kind !== 'settle') return wire;
  const { flight: requestId, ...rest } = wire;
  return { ...rest, requestId };
}

export const encodeMessage = (message: Message): string => JSON.stringify(toWire(message));

export function readMessage(data: Uint8Array): Message | null {
  try {
    const wire = wireSchema.safeParse(JSON.parse(Buffer.from(data).toString('utf8')));
    return wire.success ? fromWire(wire.data) : null;
  } catch {
    return null;
  }
}
