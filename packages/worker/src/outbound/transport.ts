import type { IncomingHttpHeaders } from 'node:http';
import { Agent, type Dispatcher, request } from 'undici';
import { type ConnectorOptions, createConnector } from './connector.ts';
import { decoded } from './content-coding.ts';
import { faultOf, type OutboundFault } from './fault.ts';

export interface OutboundRequest {
  method: string;
  url: URL | string;
  headers: Record<string, string>;
  body?: string | undefined;
}

export interface Bounds {
  /** From resolving the name to the last byte. */
  timeoutMs: number;
  signal: AbortSignal;
  /** Whether an answer of this status needs its body; default: yes. An unwanted body may be cut, too long or hang. */
  wantsBody?: ((status: number) => boolean) | undefined;
}

export type OutboundAnswer =
  /** `isCut`: the body exceeded the bound. */
  | { kind: 'answered'; status: number; headers: IncomingHttpHeaders; body: Buffer; isCut: boolean }
  /** `detail` is the error's own code. */
  | { kind: 'fault'; code: OutboundFault; detail: string }
  /** `signal` was aborted first. */
  | { kind: 'aborted' };

/** Expects hosts that may do anything. */
export interface OutboundTransport extends AsyncDisposable {
  /** Resolves within `timeoutMs`, and never rejects. */
  send: (request: OutboundRequest, bounds: Bounds) => Promise<OutboundAnswer>;
}

export interface OutboundOptions extends ConnectorOptions {
  maxAnswerBytes: number;
  /**
   * Idle time of a connection, in ms. Keep it below the servers' (Apache: 5 s): a request on a connection that the
   * server has just closed fails.
   */
  keepAliveMs: number;
}

/** One pool of connections per origin. Redirects are not followed. */
export function createOutboundTransport(options: OutboundOptions): OutboundTransport {
  const { maxAnswerBytes, keepAliveMs } = options;
  const dispatcher = new Agent({
    connect: createConnector(options),
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    pipelining: 1,
    // `timeoutMs` bounds both, and more exactly.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return {
    async send(asked, { timeoutMs, signal, wantsBody = () => true }) {
      if (signal.aborted) return { kind: 'aborted' };
      const attempt = new AbortController();
      const cancel = (): void => attempt.abort();
      signal.addEventListener('abort', cancel, { once: true });
      const timer = setTimeout(() => afterReading(cancel), timeoutMs);
      try {
        return await exchange(asked, { dispatcher, signal: attempt.signal, maxAnswerBytes, wantsBody });
      } catch (error) {
        if (signal.aborted) return { kind: 'aborted' };
        return { kind: 'fault', ...faultOf(error, attempt.signal.aborted) };
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', cancel);
      }
    },
    async [Symbol.asyncDispose]() {
      await dispatcher.destroy();
    },
  };
}

/** Answers that came while the process was stopped are read first: Node handles timers before sockets. */
const afterReading = (end: () => void): void => void setImmediate(() => setImmediate(end));

interface Exchange {
  dispatcher: Agent;
  signal: AbortSignal;
  maxAnswerBytes: number;
  wantsBody: (status: number) => boolean;
}

async function exchange(
  { method, url, headers, body = '' }: OutboundRequest,
  { dispatcher, signal, maxAnswerBytes, wantsBody }: Exchange,
): Promise<OutboundAnswer> {
  const answer = await request(url, {
    ...{ method: method as Dispatcher.HttpMethod, headers, dispatcher, signal },
    body: body === '' ? null : body,
  });
  const { statusCode: status, headers: answered } = answer;
  const read = readBounded(answer.body, maxAnswerBytes);
  if (!wantsBody(status)) {
    await read.catch(() => undefined);
    return { kind: 'answered', status, headers: answered, body: Buffer.alloc(0), isCut: false };
  }
  const { body: raw, isCut } = await read;
  const plain = isCut ? { body: raw, isCut } : await decoded(raw, answered['content-encoding'], maxAnswerBytes);
  return { kind: 'answered', status, headers: answered, ...plain };
}

async function readBounded(
  stream: AsyncIterable<Buffer> & { destroy: () => unknown },
  maxBytes: number,
): Promise<{ body: Buffer; isCut: boolean }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    // Leaving the loop destroys the stream and its connection.
    if (bytes > maxBytes) return { body: Buffer.concat(chunks), isCut: true };
    chunks.push(chunk);
  }
  return { body: Buffer.concat(chunks), isCut: false };
}
