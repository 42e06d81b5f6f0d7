/** Status and title of every refusal. Codes are public API; `docs/protocol.md` explains each one. */
export const PROBLEMS = {
  header_missing: [400, 'A required header is missing'],
  header_malformed: [400, 'A header does not have its required form'],
  header_repeated: [400, 'A header that may be sent once was sent more than once'],
  body_empty: [400, 'The request has no body'],
  body_not_utf8: [400, 'The body is not valid UTF-8'],
  body_not_json: [400, 'The body is not valid JSON'],
  json_too_complex: [400, 'The JSON is nested too deeply or has too many members'],
  json_key_repeated: [400, 'An object in the JSON has the same member twice'],
  parameter_invalid: [400, 'A query parameter is not valid'],
  request_malformed: [400, 'The request is not valid HTTP'],
  token_missing: [401, 'The Authorization header carries no bearer token'],
  token_malformed: [401, 'The token is not a well-formed JWT'],
  token_algorithm_refused: [401, "The token's algorithm is not the one registered for its key"],
  token_key_unknown: [401, "The token's key id is not registered for this site, revoked or expired"],
  token_signature_invalid: [401, "The token's signature does not verify"],
  token_claims_invalid: [401, 'The token lacks a required claim or has one of the wrong form'],
  token_issuer_mismatch: [401, "The token's issuer is not the site's registered issuer"],
  token_audience_mismatch: [401, 'The token is for another audience'],
  token_expired: [401, 'The token has expired'],
  token_not_yet_valid: [401, 'The token was issued in the future'],
  token_lifetime_too_long: [401, 'The token lives longer than 300 seconds'],
  token_replayed: [401, 'The token was used before'],
  site_unknown: [401, 'The token names no registered site'],
  signature_mismatch: [401, 'The body signature does not verify'],
  enrolment_token_invalid: [401, 'The enrolment token is not known or has expired'],
  enrolment_proof_invalid: [401, 'The proof of possession is not valid'],
  https_required: [403, 'This endpoint answers over HTTPS only'],
  ip_not_allowed: [403, 'The client address is not on the allow-list of the site'],
  site_disabled: [403, 'The site is disabled'],
  event_type_off: [403, 'The event type is switched off'],
  not_found: [404, 'No resource exists at this path'],
  event_unknown: [404, 'No event with this idempotency key is known'],
  result_unknown: [404, 'No result for this request is known'],
  method_not_allowed: [405, 'The method is not allowed here'],
  enrolment_token_used: [409, 'The enrolment token was used by another key'],
  request_timeout: [408, 'The request did not arrive in time'],
  body_too_large: [413, 'The body is larger than 262144 bytes'],
  content_type_unsupported: [415, 'The content type is not application/json'],
  content_encoding_unsupported: [415, 'Encoded bodies are not accepted'],
  envelope_invalid: [422, 'The body does not have the form of an event'],
  idempotency_key_mismatch: [422, 'The idempotency key differs between header and body'],
  idempotency_key_reused: [422, 'The idempotency key was used before with another body'],
  event_type_unknown: [422, 'The event type is not in the catalogue'],
  data_invalid: [422, "The data does not match the event type's schema"],
  enrolment_refused: [422, 'The enrolment request cannot be accepted'],
  site_request_refused: [422, 'The change of the site cannot be accepted'],
  timestamp_drift: [422, "The event's time is too far from the server's clock"],
  rate_limited_ip: [429, 'Too many requests from this address'],
  rate_limited_site: [429, 'Too many requests from this site'],
  header_too_large: [431, 'The request headers are too large'],
  internal_error: [500, 'The request failed because of an internal error'],
  stream_unavailable: [503, 'The event could not be stored; send it again'],
  stream_full: [503, 'The event store is full; send it again later'],
  site_backlog_full: [503, 'The site is paused and holds as many events as it may'],
  overloaded: [503, 'Too many requests are in flight; send it again'],
  registry_unavailable: [503, 'The registry of sites is unavailable; send it again'],
  results_unavailable: [503, 'The results cannot be read now; ask again'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ProblemCode = keyof typeof PROBLEMS;

/** A JSON pointer and the broken rule; never the value. */
export interface Fault {
  pointer: string;
  rule: string;
}

/** RFC 9457; programs match on `code`. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: ProblemCode;
  detail?: string;
  errors?: Fault[];
}

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

export const problemType = (code: ProblemCode): string => `https://pressferry.dev/problems#${code}`;

/** `detail` and `errors` must hold nothing secret or personal. */
export function problem(code: ProblemCode, detail?: string, errors?: Fault[]): Problem {
  const [status, title] = PROBLEMS[code];
  return {
    type: problemType(code),
    title,
    status,
    code,
    ...(detail === undefined ? {} : { detail }),
    ...(errors === undefined ? {} : { errors }),
  };
}
