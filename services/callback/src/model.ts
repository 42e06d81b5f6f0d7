import type { ProblemCode } from '@pressferry/contracts';
import { OUTBOUND_FAULTS } from '@pressferry/worker';

/** No answer came. */
const FAULT_CODES = ['callback_url_refused', ...OUTBOUND_FAULTS] as const;

/** Why an answer is not an acknowledgement; `gone_unsigned` is a 410 that any intermediary may have sent. */
const ANSWER_CODES = [
  'redirected',
  'html_answer',
  'refused',
  'rate_limited',
  'server_error',
  'unexpected_status',
  'unsigned_answer',
  'signature_mismatch',
  'acknowledgement_malformed',
  'acknowledgement_of_another',
  'answer_too_large',
  'endpoint_gone',
  'gone_unsigned',
] as const;

/** Nothing was sent; `site_unreachable`: the site kept failing until the delivery was overdue. */
const OWN_CODES = ['secret_missing', 'result_unreadable', 'worker_lost', 'site_unreachable'] as const;

export type FaultCode = (typeof FAULT_CODES)[number];
export type AnswerCode = (typeof ANSWER_CODES)[number];
/** Stored with the attempt, and a metric label. */
export const FAILURE_CODES = [...FAULT_CODES, ...ANSWER_CODES, ...OWN_CODES] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

/**
 * Failures that the site's next delivery would most likely meet too. What WordPress itself refused, or acknowledged
 * wrongly, may concern one result only and slows nothing else.
 */
export const SITE_LEVEL_CODES: readonly FailureCode[] = [
  ...FAULT_CODES,
  'redirected',
  'html_answer',
  'rate_limited',
  'server_error',
  'unsigned_answer',
  'signature_mismatch',
  'gone_unsigned',
  'secret_missing',
];

export const isSiteLevel = (code: FailureCode): boolean => SITE_LEVEL_CODES.includes(code);

/** Why nothing more is pushed to a URL. */
export const STOP_REASONS = ['endpoint_gone', 'gone_unsigned'] as const;
export type StopReason = (typeof STOP_REASONS)[number];

export interface Push {
  body: string;
  headers: Record<string, string>;
}

export type Answer =
  /** `detail` is the error's code, for the log. */
  | { kind: 'fault'; code: FaultCode; detail: string }
  | {
      kind: 'response';
      status: number;
      contentType: string;
      signature: string | undefined;
      retryAfter: string | undefined;
      body: Buffer;
      isCut: boolean;
    };

export interface Share {
  siteId: string;
  quota: number;
}

/** Times are of `performance.now()`. */
export interface Health {
  callbackUrl: string;
  lastSuccessAtMs: number | null;
  straightFailures: number;
  /** With an open breaker: the pause after the last probe, and when the next may begin. */
  probePauseMs: number | null;
  nextProbeAtMs: number | null;
  /** The first unsigned 410 since the last acknowledgement, in ms since the epoch. */
  goneSinceMs: number | null;
}

/** A place in a site's results: after the row that this transaction wrote with this ordinal. */
export interface Cursor {
  /** 64-bit. */
  xid: bigint;
  /** A positive bigint. */
  ordinal: bigint;
}

export interface Refusal {
  code: ProblemCode;
  /** The fault and its remedy; nothing secret or personal. */
  detail?: string | undefined;
  retryAfterSeconds?: number;
}

export const SITE_ROUTES = ['/heartbeat', '/rotate', '/move'] as const;
export type SiteRoute = (typeof SITE_ROUTES)[number];

export const POKE_OUTCOMES = ['answered', 'refused', 'unreachable', 'no_route', 'secret_missing'] as const;
export type PokeOutcome = (typeof POKE_OUTCOMES)[number];
