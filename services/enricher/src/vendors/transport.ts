import {
  createOutboundTransport,
  createResolve,
  type OutboundAnswer,
  type OutboundFault,
  type Resolve,
} from '@pressferry/worker';
import { reached } from '../fault-points.ts';
import type { Answer } from '../model.ts';

export const MAX_ANSWER_BYTES = 1_048_576;

const CONNECT_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_MS = 4_000;

/** `timeoutMs` is for the whole call. */
export interface VendorRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string | undefined;
  timeoutMs: number;
  signal: AbortSignal;
  /** Only the status of a 2xx counts. */
  ignoresBody?: boolean;
}

/** Follows no redirect and never rejects. */
export interface Transport extends AsyncDisposable {
  send: (request: VendorRequest) => Promise<Answer>;
}

/** Vendors' addresses are the operator's, so none is refused. */
export function createTransport(resolve: Resolve = createResolve()): Transport {
  const outbound = createOutboundTransport({
    resolve,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    maxAnswerBytes: MAX_ANSWER_BYTES,
    keepAliveMs: KEEP_ALIVE_MS,
  });
  return {
    send: async ({ timeoutMs, signal, ignoresBody = false, ...request }) => {
      reached('call.sending');
      const answer = toAnswer(
        await outbound.send(request, {
          timeoutMs,
          signal,
          wantsBody: (status) => !ignoresBody || status < 200 || status > 299,
        }),
      );
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
  return { kind: 'answered', status, headers: flat(headers), body: textOf(body, headers['content-type']) };
}

/** In the charset of its byte order mark, else of the header, else UTF-8. */
function textOf(body: Buffer, contentType = ''): string {
  const marked = MARKS.find(([mark]) => body.subarray(0, mark.length).equals(mark))?.[1];
  const named = CHARSET.exec(contentType)?.[1];
  return decoderOf(marked ?? named ?? 'utf-8').decode(body);
}

const CHARSET = /;\s{0,9}charset\s{0,9}=\s{0,9}["']?([\w.:-]{1,40})/i;
const MARKS: readonly [Buffer, string][] = [
  [Buffer.from([0xef, 0xbb, 0xbf]), 'utf-8'],
  [Buffer.from([0xff, 0xfe]), 'utf-16le'],
  [Buffer.from([0xfe, 0xff]), 'utf-16be'],
];

function decoderOf(charset: string): { decode: (bytes: Buffer) => string } {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
  }
}

const flat = (headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]));
