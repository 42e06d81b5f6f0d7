import { Agent, request } from 'undici';
import type { Answer } from './outcome.ts';

/** The most bytes of an answer that are read. */
export const MAX_ANSWER_BYTES = 1_048_576;

/** One call; `timeoutMs` is for all of it. */
export interface VendorRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string | undefined;
  timeoutMs: number;
  signal: AbortSignal;
}

/** Sends one request and reads its whole answer; follows no redirect and never rejects. */
export interface Transport extends AsyncDisposable {
  send: (request: VendorRequest) => Promise<Answer>;
}

/** Makes the one way out to vendors, its connections kept and bounded. */
export function createTransport(): Transport {
  const agent = new Agent({ connect: { timeout: 5_000 }, maxResponseSize: MAX_ANSWER_BYTES, allowH2: false });
  return {
    send: async ({ method, url, headers, body, timeoutMs, signal }) => {
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const answer = await request(url, {
          dispatcher: agent,
          method: method as 'POST',
          headers,
          body: body ?? null,
          signal: AbortSignal.any([signal, timeout]),
          headersTimeout: 0,
          bodyTimeout: 0,
        });
        return {
          kind: 'answered',
          status: answer.statusCode,
          headers: flat(answer.headers),
          body: await answer.body.text(),
        };
      } catch (error) {
        return { kind: 'fault', code: signal.aborted ? 'abandoned' : faultCode(error, timeout.aborted) };
      }
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

function faultCode(error: unknown, isTimedOut: boolean): 'timeout' | 'answer_too_large' | 'network_error' {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return 'answer_too_large';
  return isTimedOut || code === 'UND_ERR_CONNECT_TIMEOUT' ? 'timeout' : 'network_error';
}

const flat = (headers: Record<string, string | string[] | undefined>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]));
