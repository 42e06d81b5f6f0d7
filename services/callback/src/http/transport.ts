import { isPublicAddress } from '@pressferry/sites';
import { createOutboundTransport, type OutboundAnswer, type Resolve } from '@pressferry/worker';
import type { Answer, Push } from '../model.ts';

export interface Transport extends AsyncDisposable {
  /**
   * Resolves to the answer or the fault within `timeoutMs`, from resolving the name to the last byte. Rejects only if
   * `signal` was aborted.
   */
  send: (url: URL, push: Push, how: { signal: AbortSignal; timeoutMs: number }) => Promise<Answer>;
}

export interface TransportOptions {
  /** Also connect to private, loopback and link-local addresses. */
  allowPrivate: boolean;
  connectTimeoutMs: number;
  resolve: Resolve;
  ca?: string | undefined;
}

const MAX_ANSWER_BYTES = 64 * 1024;
const KEEP_ALIVE_MS = 2_000;

export function createTransport({ allowPrivate, ...options }: TransportOptions): Transport {
  const outbound = createOutboundTransport({
    ...options,
    isAllowed: allowPrivate ? undefined : isPublicAddress,
    maxAnswerBytes: MAX_ANSWER_BYTES,
    keepAliveMs: KEEP_ALIVE_MS,
  });
  return {
    send: async (url, { body, headers }, how) => {
      const answer = await outbound.send({ method: 'POST', url, headers, body }, how);
      if (answer.kind !== 'aborted') return toAnswer(answer);
      how.signal.throwIfAborted();
      throw new Error('a push was aborted without a reason');
    },
    [Symbol.asyncDispose]: () => outbound[Symbol.asyncDispose](),
  };
}

function toAnswer(answer: Exclude<OutboundAnswer, { kind: 'aborted' }>): Answer {
  if (answer.kind === 'fault') return answer;
  const { status, headers, body, isCut } = answer;
  return {
    kind: 'response',
    status,
    contentType: single(headers['content-type']) ?? '',
    signature: single(headers['x-signature']),
    retryAfter: single(headers['retry-after']),
    body,
    isCut,
  };
}

// A header that came twice has no single value.
const single = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;
