import { headers as createHeaders, createInbox, type Msg } from '@nats-io/transport-node';
import type { Connection } from './connection.ts';

/** What became of a publish. Only `stored` and `duplicate` mean that the stream holds the message. */
export type PublishOutcome =
  | { kind: 'stored'; stream: string; sequence: number }
  /** The message id was seen within the stream's window; `sequence` is the first message's. */
  | { kind: 'duplicate'; stream: string; sequence: number }
  /** The server refused; `errorCode` is JetStream's `err_code`. */
  | { kind: 'refused'; errorCode: number; description: string }
  /** No acknowledgement: nothing is known, the sender must send again. */
  | { kind: 'unavailable'; reason: 'disconnected' | 'timeout' | 'no_responders' };

/** JetStream error codes that callers decide by. */
export const ERROR_CODES = {
  /** "maximum bytes exceeded" / "maximum messages exceeded": the stream is full. */
  streamFull: [10077, 10054, 10047],
  /** "duplicate message id is in process": the first one's write has not finished. */
  duplicateInProcess: 10201,
} as const;

/** Publishes to JetStream and waits for the stream's acknowledgement. */
export interface Publisher {
  publish: (subject: string, payload: Uint8Array, headers: Readonly<Record<string, string>>) => Promise<PublishOutcome>;
  /** How many publishes wait for their acknowledgement. */
  pending: () => number;
}

interface Waiter {
  resolve: (outcome: PublishOutcome) => void;
  deadlineMs: number;
}

const SWEEP_MS = 100;

/**
 * Makes a publisher with one reply subscription for all its publishes: the client's own request costs four times the CPU.
 * Each publish resolves within about `timeoutMs`, at once where the connection is down; it never rejects.
 */
export function createPublisher(connection: Connection, timeoutMs: number): Publisher {
  const { nats } = connection;
  const inbox = createInbox();
  const waiting = new Map<string, Waiter>();
  let counter = 0;
  let sweep: NodeJS.Timeout | undefined;

  const settle = (token: string, outcome: PublishOutcome): void => {
    const waiter = waiting.get(token);
    if (waiter === undefined) return;
    waiting.delete(token);
    waiter.resolve(outcome);
  };
  // The map keeps the order of insertion and every deadline is equally far, so the oldest stand first.
  const expire = (): void => {
    const nowMs = performance.now();
    for (const [token, { deadlineMs }] of waiting) {
      if (deadlineMs > nowMs) break;
      settle(token, { kind: 'unavailable', reason: 'timeout' });
    }
    if (waiting.size > 0) return;
    clearInterval(sweep);
    sweep = undefined;
  };

  nats.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error !== null) return;
      settle(message.subject.slice(inbox.length + 1), readAcknowledgement(message));
    },
  });
  connection.onDisconnect(() => {
    for (const token of [...waiting.keys()]) settle(token, { kind: 'unavailable', reason: 'disconnected' });
  });

  return {
    pending: () => waiting.size,
    publish: (subject, payload, fields) => {
      if (!connection.isConnected()) return Promise.resolve({ kind: 'unavailable', reason: 'disconnected' });
      const headers = createHeaders();
      for (const name in fields) headers.set(name, fields[name] ?? '');
      const token = (counter++).toString(36);
      sweep ??= setInterval(expire, SWEEP_MS);
      return new Promise((resolve) => {
        waiting.set(token, { resolve, deadlineMs: performance.now() + timeoutMs });
        nats.publish(subject, payload, { reply: `${inbox}.${token}`, headers });
      });
    },
  };
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
