import type { KeyObject } from 'node:crypto';
import { acknowledgementSchema, verifyBodySignature } from '@pressferry/contracts';
import type { AnswerCode, FailureCode, FaultCode } from './codes.ts';

/** What came back from one push. */
export type Answer =
  /** `detail` is the error's own code, for the log. */
  | { kind: 'fault'; code: FaultCode; detail: string }
  | {
      kind: 'response';
      status: number;
      contentType: string;
      signature: string | undefined;
      retryAfter: string | undefined;
      body: Buffer;
      /** The body was longer than we read. */
      isCut: boolean;
    };

type Response = Extract<Answer, { kind: 'response' }>;

/** What an answer means for its delivery. */
export type Decision =
  | { kind: 'acknowledged' }
  /** The site said 410: push nothing more to this URL. */
  | { kind: 'stopped'; code: 'endpoint_gone' }
  | { kind: 'retry'; code: FailureCode; retryAfterMs?: number };

/** The result that was pushed, and the keys that may have signed its acknowledgement. */
export interface Expected {
  resultId: string;
  keys: readonly KeyObject[];
  nowMs: number;
}

/** Decides on one answer. Only a 200 whose signed acknowledgement names our result is a delivery: all else is tried again, but for a 410. */
export function decide(answer: Answer, expected: Expected): Decision {
  if (answer.kind === 'fault') return { kind: 'retry', code: answer.code };
  const code = answer.status === 200 ? checkAcknowledgement(answer, expected) : classify(answer);
  if (code === null) return { kind: 'acknowledged' };
  if (code === 'endpoint_gone') return { kind: 'stopped', code };
  const retryAfterMs = parseRetryAfter(answer.retryAfter, expected.nowMs);
  return { kind: 'retry', code, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** Null for an acknowledgement, else what is wrong with the answer. */
function checkAcknowledgement(answer: Response, { resultId, keys }: Expected): AnswerCode | null {
  if (answer.isCut) return 'answer_too_large';
  if (answer.signature === undefined || answer.signature === '')
    return isHtml(answer) ? 'html_answer' : 'unsigned_answer';
  if (!verifyBodySignature(keys, answer.body, answer.signature)) return 'signature_mismatch';
  const acknowledgement = acknowledgementSchema.safeParse(parseJson(answer.body));
  if (!acknowledgement.success) return 'acknowledgement_malformed';
  return acknowledgement.data.result_id === resultId ? null : 'acknowledgement_of_another';
}

function classify(answer: Response): AnswerCode {
  const { status } = answer;
  if (status === 410) return 'endpoint_gone';
  if (status === 429) return 'rate_limited';
  if (status >= 300 && status < 400) return 'redirected';
  // A 503 page is a maintenance screen or a CDN's challenge; other 5xx pages are WordPress or its server failing.
  if (isHtml(answer) && (status < 500 || status === 503)) return 'html_answer';
  if (status >= 500) return 'server_error';
  return status >= 400 ? 'refused' : 'unexpected_status';
}

// Captcha and maintenance pages come under any content type; no JSON begins with "<".
const isHtml = ({ contentType, body }: Response): boolean =>
  /\bx?html\b/i.test(contentType) || body.subarray(0, 64).toString('latin1').trimStart().startsWith('<');

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Reads `Retry-After`, seconds or an HTTP date, as ms from now; undefined where it is absent or neither. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const atMs = /^[A-Z][a-z]{2}, /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
