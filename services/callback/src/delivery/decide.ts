import type { KeyObject } from 'node:crypto';
import { acknowledgementSchema, verifyBodySignature } from '@pressferry/contracts';
import { parseRetryAfter } from '@pressferry/worker';
import type { Answer, AnswerCode, FailureCode, StopReason } from '../model.ts';

type Response = Extract<Answer, { kind: 'response' }>;

export type Decision =
  | { kind: 'acknowledged' }
  /** Push nothing more to this URL: the site said 410, signed, or unsigned 410s were seen for long. */
  | { kind: 'stopped'; code: StopReason }
  | { kind: 'retry'; code: FailureCode; retryAfterMs?: number };

/** `keys` may have signed the acknowledgement. */
export interface Expected {
  resultId: string;
  keys: readonly KeyObject[];
  nowMs: number;
}

/**
 * A signed acknowledgement of this result means delivered, whatever the status: WordPress holds it. Everything else is
 * retried, except a signed 410.
 */
export function decide(answer: Answer, expected: Expected): Decision {
  if (answer.kind === 'fault') return { kind: 'retry', code: answer.code };
  const signed = readSigned(answer, expected.keys);
  const acknowledged = signed === null ? null : checkAcknowledgement(signed, expected.resultId);
  if (acknowledged === 'acknowledged') return { kind: 'acknowledged' };
  const code = answer.status === 200 ? refuse(answer, acknowledged) : classify(answer, signed !== null);
  if (code === 'endpoint_gone') return { kind: 'stopped', code };
  const retryAfterMs = parseRetryAfter(answer.retryAfter, expected.nowMs);
  return { kind: 'retry', code, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** The signed part of the body: all of it, or without what WordPress printed around it; null if nothing verifies. */
function readSigned({ body, signature, isCut }: Response, keys: readonly KeyObject[]): Buffer | null {
  if (isCut) return null;
  if (signature === undefined) return readSignedLine(body, keys);
  if (verifyBodySignature(keys, body, signature)) return body;
  const trimmed = trim(body);
  return trimmed.length < body.length && verifyBodySignature(keys, trimmed, signature) ? trimmed : null;
}

const SIGNATURE_LINE = 'X-Signature: ';

/** A line, followed by a last line with its signature: the site had already sent its headers when it signed. */
function readSignedLine(body: Buffer, keys: readonly KeyObject[]): Buffer | null {
  const lines = trim(body);
  const last = lines.lastIndexOf('\n');
  const signature = lines.toString('latin1', last + 1);
  if (last < 0 || !signature.startsWith(SIGNATURE_LINE)) return null;
  const signed = lines.subarray(last === 0 ? 0 : lines.lastIndexOf('\n', last - 1) + 1, last);
  return verifyBodySignature(keys, signed, signature.slice(SIGNATURE_LINE.length)) ? signed : null;
}

const BYTE_ORDER_MARK = Buffer.from('\ufeff');
const WHITE_SPACE = [0x09, 0x0a, 0x0d, 0x20];

/** Plugins and themes print byte order marks and white space around a REST answer. */
function trim(body: Buffer): Buffer {
  let [start, end] = [0, body.length];
  for (let before = -1; before !== start; ) {
    before = start;
    while (start < end && WHITE_SPACE.includes(body[start] ?? 0)) start++;
    if (body.subarray(start, start + 3).equals(BYTE_ORDER_MARK)) start += 3;
  }
  while (end > start && WHITE_SPACE.includes(body[end - 1] ?? 0)) end--;
  return body.subarray(start, end);
}

function checkAcknowledgement(signed: Buffer, resultId: string): 'acknowledged' | AnswerCode {
  const acknowledgement = acknowledgementSchema.safeParse(parseJson(signed));
  if (!acknowledgement.success) return 'acknowledgement_malformed';
  return acknowledgement.data.result_id === resultId ? 'acknowledged' : 'acknowledgement_of_another';
}

function refuse(answer: Response, acknowledged: AnswerCode | null): AnswerCode {
  if (answer.isCut) return 'answer_too_large';
  if (acknowledged !== null) return acknowledged;
  if (answer.signature === undefined || answer.signature === '')
    return isHtml(answer) ? 'html_answer' : 'unsigned_answer';
  return 'signature_mismatch';
}

function classify(answer: Response, isSigned: boolean): AnswerCode {
  const { status } = answer;
  if (status === 410) return isSigned ? 'endpoint_gone' : 'gone_unsigned';
  if (status === 429) return 'rate_limited';
  if (status >= 300 && status < 400) return 'redirected';
  // A 503 page is a maintenance screen or a CDN's challenge; other 5xx pages come from a failing WordPress or its
  // server.
  if (isHtml(answer) && (status < 500 || status === 503)) return 'html_answer';
  if (status >= 500) return 'server_error';
  return status >= 400 ? 'refused' : 'unexpected_status';
}

// Captcha and maintenance pages come under any content type; JSON never begins with "<".
const isHtml = ({ contentType, body }: Response): boolean =>
  /\bx?html\b/i.test(contentType) || body.subarray(0, 64).toString('latin1').trimStart().startsWith('<');

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
