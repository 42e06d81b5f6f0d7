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

/** Why an answer is no acknowledgement; `gone_unsigned` is a 410 that anything between us and WordPress may have said. */
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
/** Every reason for which an attempt was no acknowledgement: stored with the attempt, and a metric label. */
export const FAILURE_CODES = [...FAULT_CODES, ...ANSWER_CODES, ...OWN_CODES] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

/**
 * The failures that speak of the site as a whole, so that its next delivery would most likely meet the same. What WordPress itself
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
