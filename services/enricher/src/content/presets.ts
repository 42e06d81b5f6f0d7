import type { HttpStep } from '../automations/compile.ts';
import { listOf, membersOf } from './members.ts';

export type Preset = NonNullable<HttpStep['preset']>;

interface Judge {
  /** True for a 2xx that did not do all of it. */
  failed: (body: unknown, status: number) => boolean;
  /** The vendor's words for why nothing at all was done; none if a part was, because a repeat would do that part twice. */
  words: (body: unknown) => unknown[];
}

const isFilled = (value: unknown): boolean => (Array.isArray(value) || typeof value === 'string') && value.length > 0;
const recordsOf = (body: unknown): Record<string, unknown>[] => (Array.isArray(body) ? body : [body]).map(membersOf);
const of = (body: unknown, name: string) => listOf(membersOf(body)[name]).map(membersOf);
const NONE = (): unknown[] => [];

const TEAMS = /^\s{0,9}Webhook message delivery failed/i;
const textOf = (body: unknown): string => (typeof body === 'string' ? body.slice(0, 2_000) : '');

/** What vendors say under a 2xx, from their documentation. */
export const PRESETS: Record<Preset, Judge> = {
  // A batch answers 207 with what it did not write, or 200 with nothing written. A search that finds nothing has a total.
  hubspot: {
    failed: (body, status) => {
      const { numErrors, errors, results, total, status: said } = membersOf(body);
      if (Number(numErrors ?? 0) > 0 || isFilled(errors) || said === 'error') return true;
      return (
        (Array.isArray(results) && results.length === 0 && total === undefined) || (status === 207 && numErrors !== 0)
      );
    },
    words: (body) => (isFilled(membersOf(body).results) ? [] : of(body, 'errors').map(({ category }) => category)),
  },
  // One record, a collection, a batch, a composite request, a graph, an invocable action.
  salesforce: {
    failed: (body) =>
      recordsOf(body).some(({ success, isSuccess, hasErrors }) =>
        [success, isSuccess, hasErrors !== true].includes(false),
      ) ||
      of(body, 'compositeResponse').some(({ httpStatusCode: code }) => Number(code) >= 400) ||
      of(body, 'graphs').some(({ isSuccessful }) => isSuccessful === false),
    words: (body) => {
      const composite = of(body, 'compositeResponse');
      if (composite.length > 0)
        return composite.every(({ httpStatusCode: code }) => Number(code) >= 400)
          ? composite.flatMap((one) => of(one, 'body').map(({ errorCode }) => errorCode))
          : [];
      const records = recordsOf(body);
      if (!records.every(({ success }) => success === false)) return [];
      return records.flatMap((record) => of(record, 'errors').map(({ statusCode }) => statusCode));
    },
  },
  // Mutations tell their own faults: Shopify's `userErrors`, Linear's `success`. monday has codes at the top.
  graphql: {
    failed: (body) => {
      const { errors, error_code: code, error_message: message, data } = membersOf(body);
      const results = Object.values(membersOf(data)).map(membersOf);
      return (
        [errors, code, message].some(isFilled) ||
        results.some(
          (result) =>
            result.success === false ||
            Object.entries(result).some(([name, faults]) => /userErrors$/i.test(name) && isFilled(faults)),
        )
      );
    },
    words: (body) => {
      const { error_code: code, data } = membersOf(body);
      if (Object.values(membersOf(data)).some((result) => result !== null)) return [];
      const said = of(body, 'errors').flatMap(({ extensions, type }) => [
        membersOf(extensions).code,
        type,
        membersOf(extensions).type,
      ]);
      return [code, ...said];
    },
  },
  slack: { failed: (body) => membersOf(body).ok === false, words: (body) => [membersOf(body).error] },
  // Batches of members, and messages of Mailchimp Transactional.
  mailchimp: {
    failed: (body) => {
      const { error_count: count, errors } = membersOf(body);
      return Number(count ?? 0) > 0 || isFilled(errors) || recordsOf(body).some(isRejected);
    },
    words: NONE,
  },
  zendesk: {
    failed: (body) => {
      const { status, results } = membersOf(membersOf(body).job_status);
      return (
        ['failed', 'killed'].includes(String(status)) ||
        listOf(results).some((one) => membersOf(one).success === false) ||
        of(body, 'results').some((one) => 'error' in one || 'errors' in one)
      );
    },
    words: NONE,
  },
  // A record's status is its own; Zoho Books has a code, 0 if all is well.
  zoho: {
    failed: (body) => {
      const { status, code } = membersOf(body);
      return status === 'error' || (typeof code === 'number' && code !== 0) || of(body, 'data').some(isError);
    },
    words: (body) => {
      const records = of(body, 'data');
      return records.every(isError) ? [membersOf(body).code, ...records.map(({ code }) => code)] : [];
    },
  },
  // An incoming webhook answers 200 and says in words what Teams said.
  teams: {
    failed: (body) => TEAMS.test(textOf(body)),
    words: (body) => [/HTTP error (\d{3})/.exec(textOf(body))?.[1]],
  },
  // Odoo, vTiger and others.
  'json-rpc': {
    failed: (body) => recordsOf(body).some(({ error, success }) => (error ?? null) !== null || success === false),
    words: (body) => recordsOf(body).map(({ error }) => membersOf(membersOf(error).data).name ?? membersOf(error).code),
  },
};

const isRejected = ({ status, reject_reason: reason }: Record<string, unknown>): boolean =>
  status === 'rejected' || (status === 'invalid' && reason !== undefined);

const isError = ({ status }: Record<string, unknown>): boolean => status === 'error';

/** Vendors' words, and the status that says the same. */
const STATUSES: [RegExp, number][] = [
  [/^(?:rate_?limit(?:ed|s|_exceeded)?|ratelimited|throttled|too_many_requests|request_limit_exceeded)$/i, 429],
  [/^(?:complexity_?(?:exception|budget_?exhausted)|max_complexity_exceeded|429)$/i, 429],
  [/^(?:invalid_auth|not_authed|account_inactive|token_revoked|token_expired|unauthenticated|unauthorized)$/i, 401],
  [/^(?:authentication_(?:error|failure)|invalid_token|invalid_session_id|authentication_?required)$/i, 401],
  [/(?:\.AccessDenied|SessionExpiredException)$/, 401],
  [
    /^(?:missing_scopes?|no_permission|forbidden|access_denied|insufficient_access\w{0,40}|oauth_scope_mismatch)$/i,
    403,
  ],
  [/^(?:internal_error|fatal_error|service_unavailable|request_timeout|50[0234])$/i, 503],
  [/^UNABLE_TO_LOCK_ROW$/, 400],
];

/** The error of a 2xx that did nothing, as if it had its own status; undefined if it is lasting. */
export function errorOf(preset: Preset, body: unknown): { status: number; body: string } | undefined {
  for (const word of PRESETS[preset].words(body).map(String)) {
    const status = STATUSES.find(([form]) => form.test(word))?.[1];
    if (status !== undefined) return { status, body: JSON.stringify({ error: { code: word } }) };
  }
  return undefined;
}
