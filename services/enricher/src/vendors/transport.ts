import { createOutboundTransport, type OutboundAnswer, type OutboundFault } from '@pressferry/worker';
import { reached } from '../fault-points.ts';
import type { Answer } from '../model.ts';

/** The most bytes of an answer that are read. */
export const MAX_ANSWER_BYTES = 1_048_576;

const CONNECT_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_MS = 4_000;

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

/** The one way out to vendors. Their addresses are the operator's, so none is refused. */
export function createTransport(): Transport {
  const outbound = createOutboundTransport({
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    maxAnswerBytes: MAX_ANSWER_BYTES,
    keepAliveMs: KEEP_ALIVE_MS,
  });
  return {
    send: async ({ timeoutMs, signal, ...request }) => {
      reached('call.sending');
      const answer = toAnswer(await outbound.send(request, { timeoutMs, signal }));
      reached('call.answered');
      return answer;
    },
    [Symbol.asyncDispose]: () => outbound[Symbol.asyncDispose](),
  };
}

const TIMEOUTS: readonly OutboundFault[] = ['connect_timeout', 'answer_timeout'];

function toAnswer(answer: OutboundAnswer): Answer {
  if (answer.kind === 'aborted') return { kind: 'fault', code: 'abandoned' };
  if (answer.kind === 'fault')
    return { kind: 'fault', code: TIMEOUTS.includes(answer.code) ? 'timeout' : 'network_error' };
  const { status, headers, body, isCut } = answer;
  if (isCut) return { kind: 'fault', code: 'answer_too_large' };
  return { kind: 'answered', status, headers: flat(headers), body: text.decode(body) };
}

const text = new TextDecoder();

const flat = (headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]));
