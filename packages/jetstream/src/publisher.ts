import { createInbox, errors, type Msg, type MsgHdrs } from '@nats-io/transport-node';
import type { Connection } from './connection.ts';
import { ERROR_CODES } from './error-codes.ts';
import { RingBuffer } from './ring-buffer.ts';

/** Only `stored` and `duplicate` mean that the stream holds the message. */
export type PublishOutcome =
  | { kind: 'stored'; stream: string; sequence: number }
  /** The message id was seen within the stream's window; `sequence` is the first message's. */
  | { kind: 'duplicate'; stream: string; sequence: number }
  /** `errorCode` is JetStream's `err_code`. */
  | { kind: 'refused'; errorCode: number; description: string }
  /** No acknowledgement: the message may be stored or not, so the sender must send again. */
  | { kind: 'unavailable'; reason: 'disconnected' | 'timeout' | 'no_responders' };

export interface Publisher {
  publish: (subject: string, payload: Uint8Array, headers: Readonly<Record<string, string>>) => Promise<PublishOutcome>;
  pending: () => number;
}

interface Waiter {
  resolve: (outcome: PublishOutcome) => void;
  deadlineMs: number;
}

interface Outgoing {
  subject: string;
  payload: Uint8Array;
  number: number;
  headers: MsgHdrs;
}

const SWEEP_MS = 100;

/**
 * Shares one reply subscription: the client's own request costs four times the CPU. What is published in one turn of
 * the event loop leaves in one write. Each publish resolves within about `timeoutMs`, at once if the connection is
 * down; it never rejects.
 */
export function createPublisher(connection: Connection, timeoutMs: number): Publisher {
  const { nats } = connection;
  const inbox = createInbox();
  const waiting = new RingBuffer<Waiter>();
  let outgoing: Outgoing[] = [];
  let sweep: NodeJS.Timeout | undefined;

  const resolvePublish = (number: number, outcome: PublishOutcome): void => waiting.take(number)?.resolve(outcome);
  // Deadlines are equally far, so the oldest come first.
  const expire = (): void => {
    const nowMs = performance.now();
    for (let oldest = waiting.oldest(); oldest !== undefined; oldest = waiting.oldest()) {
      if (oldest.value.deadlineMs > nowMs) break;
      resolvePublish(oldest.number, { kind: 'unavailable', reason: 'timeout' });
    }
    if (waiting.size > 0) return;
    clearInterval(sweep);
    sweep = undefined;
  };
  const flush = (): void => {
    const batch = outgoing;
    outgoing = [];
    for (const { subject, payload, number, headers } of batch) {
      // The client would send it after the reconnect, when its caller already knows it as not stored.
      if (!connection.isConnected()) resolvePublish(number, { kind: 'unavailable', reason: 'disconnected' });
      else if (waiting.has(number)) {
        try {
          nats.publish(subject, payload, { reply: `${inbox}.${number}`, headers });
        } catch (error) {
          resolvePublish(number, refusedByClient(error));
        }
      }
    }
  };

  nats.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error !== null) return;
      resolvePublish(Number(message.subject.slice(inbox.length + 1)), readAcknowledgement(message));
    },
  });
  connection.onDisconnect(() => {
    for (let oldest = waiting.oldest(); oldest !== undefined; oldest = waiting.oldest()) {
      resolvePublish(oldest.number, { kind: 'unavailable', reason: 'disconnected' });
    }
  });

  return {
    pending: () => waiting.size,
    publish: (subject, payload, fields) => {
      if (!connection.isConnected()) return Promise.resolve({ kind: 'unavailable', reason: 'disconnected' });
      const headers = encodeHeaders(fields);
      sweep ??= setInterval(expire, SWEEP_MS);
      return new Promise((resolve) => {
        const number = waiting.add({ resolve, deadlineMs: performance.now() + timeoutMs });
        if (outgoing.push({ subject, payload, number, headers }) === 1) setImmediate(flush);
      });
    },
  };
}

/** The client refuses a message beyond the server's `max_payload`, and any on a closing connection. */
const refusedByClient = (error: unknown): PublishOutcome =>
  error instanceof errors.InvalidArgumentError
    ? { kind: 'refused', errorCode: ERROR_CODES.tooLarge, description: 'the client does not send it' }
    : { kind: 'unavailable', reason: 'disconnected' };

const LINE_BREAK = /[\r\n]/;

/**
 * Encodes headers directly: the client's own map checks and copies each name, which costs more than the rest of a
 * publish. The client only calls `encode`.
 */
function encodeHeaders(fields: Readonly<Record<string, string>>): MsgHdrs {
  let text = 'NATS/1.0\r\n';
  let values = '';
  for (const name in fields) {
    const value = fields[name] ?? '';
    values += value;
    text += `${name}: ${value}\r\n`;
  }
  if (LINE_BREAK.test(values)) throw new Error(`a value of the headers ${Object.keys(fields)} holds a line break`);
  const bytes = Buffer.from(`${text}\r\n`);
  return { encode: () => bytes } as unknown as MsgHdrs;
}

interface AcknowledgementBody {
  stream?: string;
  seq?: number;
  duplicate?: boolean;
  error?: { err_code?: number; description?: string };
}

function readAcknowledgement(message: Msg): PublishOutcome {
  if (message.data.length === 0 && message.headers?.code === 503)
    return { kind: 'unavailable', reason: 'no_responders' };
  const body = message.json<AcknowledgementBody>();
  if (body.error !== undefined) {
    return { kind: 'refused', errorCode: body.error.err_code ?? 0, description: body.error.description ?? '' };
  }
  const { stream = '', seq: sequence = 0 } = body;
  return { kind: body.duplicate === true ? 'duplicate' : 'stored', stream, sequence };
}
