/** Why a step failed or has to be tried again: stored, logged, counted, and told to the site; a closed list. */
export const FAILURE_CODES = [
  'network_error',
  'timeout',
  'rate_limited',
  'vendor_busy',
  'vendor_unavailable',
  'vendor_refused',
  'redirected',
  'answer_too_large',
  'malformed_answer',
  'empty_answer',
  'answer_cut',
  'answer_filtered',
  'answer_refused',
  'answer_tool_call',
  'template_failed',
  'pii_refused',
  'result_too_large',
  'internal_error',
  'worker_lost',
  'automation_unknown',
  'vendor_unknown',
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

interface Tokens {
  input: number;
  output: number;
}

/** What a vendor call came to. */
export type CallOutcome =
  | { kind: 'succeeded'; sealedOutput: string; statusCode: number; tokens?: Tokens }
  | { kind: 'retry'; code: FailureCode; statusCode: number | null; retryAfterMs?: number }
  /** `detail` says what to mend, for the log: it names places, never content. */
  | { kind: 'failed'; code: FailureCode; statusCode: number | null; detail?: string; tokens?: Tokens }
  /** Given up by us, at a shutdown: no attempt is counted. */
  | { kind: 'abandoned' };

/** What came back over the wire; `fault` where nothing, or not all, did. */
export type Answer =
  | { kind: 'answered'; status: number; headers: Readonly<Record<string, string>>; body: string }
  | { kind: 'fault'; code: 'network_error' | 'timeout' | 'answer_too_large' | 'abandoned' };

/** The outcome of an answer that is no success; null for a 2xx, whose body decides. `nowMs` is for a Retry-After that is a date. */
export function refusal(answer: Answer, nowMs: number): Exclude<CallOutcome, { kind: 'succeeded' }> | null {
  if (answer.kind === 'fault') {
    if (answer.code === 'abandoned') return { kind: 'abandoned' };
    const isFinal = answer.code === 'answer_too_large';
    return { kind: isFinal ? 'failed' : 'retry', code: answer.code, statusCode: null };
  }
  const { status: statusCode, headers } = answer;
  if (statusCode >= 200 && statusCode < 300) return null;
  if (statusCode < 400) return { kind: 'failed', code: 'redirected', statusCode };
  const code = retryCode(statusCode);
  if (code === null) return { kind: 'failed', code: 'vendor_refused', statusCode };
  const retryAfterMs = parseRetryAfter(headers['retry-after'], nowMs);
  return { kind: 'retry', code, statusCode, ...(retryAfterMs === null ? {} : { retryAfterMs }) };
}

function retryCode(status: number): FailureCode | null {
  if (status === 429) return 'rate_limited';
  // Request timeout; a call of the same Idempotency-Key in process; too early.
  if (status === 408 || status === 409 || status === 425) return 'vendor_busy';
  return status >= 500 ? 'vendor_unavailable' : null;
}

/** The delay that a `Retry-After` asks for, in ms, from seconds or an HTTP date; null where there is none or it says nothing. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | null {
  if (value === undefined) return null;
  const text = value.trim();
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1_000);
  // Of the forms that Date.parse takes, only dates with a day's name are HTTP dates.
  const atMs = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}
