import type { ProblemCode } from '@pressferry/contracts';

/** Why no answer came at all. */
export const FAULT_CODES = [
  'address_refused',
  'callback_url_refused',
  'dns_failed',
  'connect_failed',
  'connect_timeout',
  'tls_failed',
  'connection_lost',
  'answer_timeout',
] as const;

/** Why an answer is not an acknowledgement; `gone_unsigned` is a 410 that anything between us and WordPress may have said. */
export const ANSWER_CODES = [
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

/** Why nothing was sent; `site_unreachable` ends a delivery whose turn never came, for its site kept failing. */
export const OWN_CODES = ['secret_missing', 'result_unreadable', 'worker_lost', 'site_unreachable'] as const;

/** No answer, from the name to the last byte. */
export type FaultCode = (typeof FAULT_CODES)[number];
export type AnswerCode = (typeof ANSWER_CODES)[number];
/** Every reason for which an attempt was not an acknowledgement: stored with the attempt, and a metric label. */
export const FAILURE_CODES = [...FAULT_CODES, ...ANSWER_CODES, ...OWN_CODES] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

/**
 * The failures that speak of the site as a whole, so its next delivery would most likely meet the same. What WordPress itself
 * refused, or acknowledged wrongly, may be a matter of one result only and slows nothing else.
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

/** True if the failure is likely to repeat for every delivery of the site. */
export const isSiteLevel = (code: FailureCode): boolean => SITE_LEVEL_CODES.includes(code);

/** Why nothing more is pushed to a URL. */
export const STOP_REASONS = ['endpoint_gone', 'gone_unsigned'] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/** The request of one attempt. */
export interface Push {
  body: string;
  headers: Record<string, string>;
}

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

/** How many attempts a site gets in this round. */
export interface Share {
  siteId: string;
  quota: number;
}

/** The health of one callback URL; times in ms since the epoch. */
export interface Health {
  callbackUrl: string;
  /** The last acknowledgement; null while there was none. */
  lastSuccessAtMs: number | null;
  straightFailures: number;
  /** Once the breaker is open: the pause after the last probe, and when the next may begin. */
  probePauseMs: number | null;
  nextProbeAtMs: number | null;
  /** The first of the unsigned 410s that no acknowledgement has followed. */
  goneSinceMs: number | null;
}

/** A place in a site's results: after the row that this transaction wrote with this ordinal. */
export interface Cursor {
  /** A 64-bit transaction id. */
  xid: bigint;
  /** A positive bigint. */
  ordinal: bigint;
}

/** Why a caller gets no results. */
export interface Refusal {
  code: ProblemCode;
  /** What is wrong here and what to do; nothing secret or personal. */
  detail?: string | undefined;
  retryAfterSeconds?: number;
}

/** What a site may ask of callback for itself. */
export const SITE_ROUTES = ['/heartbeat', '/rotate', '/move'] as const;
export type SiteRoute = (typeof SITE_ROUTES)[number];

/** How the waking of a site ended. */
export const POKE_OUTCOMES = ['answered', 'refused', 'unreachable', 'no_route', 'secret_missing'] as const;
export type PokeOutcome = (typeof POKE_OUTCOMES)[number];
