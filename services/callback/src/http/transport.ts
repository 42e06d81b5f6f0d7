import { Agent, request } from 'undici';
import type { Answer, FaultCode, Push } from '../model.ts';
import { type ConnectorOptions, createConnector } from './connector.ts';

/** Sends pushes. */
export interface Transport extends AsyncDisposable {
  /** Resolves to the answer or the fault within `timeoutMs` (name, connection, request and answer); rejects only when `signal` was aborted. */
  send: (url: URL, push: Push, how: { signal: AbortSignal; timeoutMs: number }) => Promise<Answer>;
}

const MAX_ANSWER_BYTES = 64 * 1024;
// Shorter than what servers keep (Apache: 5 s), for a push on a connection they just closed would be a failed attempt.
const KEEP_ALIVE_MS = 2_000;

/** A transport with one pool of connections for each site. Redirects are answers like any other: they are not followed. */
export function createTransport(options: ConnectorOptions): Transport {
  const dispatcher = new Agent({
    connect: createConnector(options),
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    pipelining: 1,
  });
  return {
    async send(url, push, { signal, timeoutMs }) {
      const attempt = new AbortController();
      const cancel = (): void => attempt.abort();
      signal.addEventListener('abort', cancel, { once: true });
      const timer = setTimeout(cancel, timeoutMs);
      try {
        signal.throwIfAborted();
        return await exchange(url, push, { dispatcher, signal: attempt.signal });
      } catch (error) {
        signal.throwIfAborted();
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

async function exchange(
  url: URL,
  { body, headers }: Push,
  { dispatcher, signal }: { dispatcher: Agent; signal: AbortSignal },
): Promise<Answer> {
  const response = await request(url, { method: 'POST', body, headers, dispatcher, signal });
  const answer = await readBounded(response.body);
  return {
    kind: 'response',
    status: response.statusCode,
    contentType: single(response.headers['content-type']) ?? '',
    signature: single(response.headers['x-signature']),
    retryAfter: single(response.headers['retry-after']),
    ...answer,
  };
}

// A header that came twice has no one value.
const single = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

async function readBounded(
  stream: AsyncIterable<Buffer> & { destroy: () => unknown },
): Promise<{ body: Buffer; isCut: boolean }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    // Leaving the loop destroys the stream, and with it the connection.
    if (bytes > MAX_ANSWER_BYTES) return { body: Buffer.concat(chunks), isCut: true };
    chunks.push(chunk);
  }
  return { body: Buffer.concat(chunks), isCut: false };
}

const TLS_CODE = /^(ERR_TLS|ERR_SSL|EPROTO|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_CA)/;
const CONNECT_CODES = [
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EACCES',
  'EINVAL',
  'EAFNOSUPPORT',
];

/** The closed code of an error, and the error's own code for the log. */
function faultOf(error: unknown, isTimedOut: boolean): { code: FaultCode; detail: string } {
  const detail = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
  if (detail === 'ADDRESS_REFUSED') return { code: 'address_refused', detail };
  if (detail === 'DNS_FAILED') return { code: 'dns_failed', detail };
  if (detail === 'UND_ERR_CONNECT_TIMEOUT' || detail === 'ETIMEDOUT') return { code: 'connect_timeout', detail };
  if (isTimedOut) return { code: 'answer_timeout', detail };
  if (TLS_CODE.test(detail)) return { code: 'tls_failed', detail };
  if (CONNECT_CODES.includes(detail)) return { code: 'connect_failed', detail };
  return { code: 'connection_lost', detail };
}
