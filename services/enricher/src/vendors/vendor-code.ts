import { parseAnswer } from '../content/clean.ts';

const LONGEST_BODY = 16_384;
/** Can hold nothing of an event. */
const CODE = /^[A-Za-z][A-Za-z_.-]{1,60}$/;

const WEBHOOK_WORDS = new Set([
  ...['invalid_payload', 'invalid_blocks', 'no_text', 'no_service', 'no_team', 'user_not_found', 'channel_not_found'],
  ...['channel_is_archived', 'action_prohibited', 'rate_limited', 'rollup_error', 'invalid_token'],
]);

/**
 * A vendor's own error word, `insufficient_quota` or `MISSING_SCOPES`, in the common forms; undefined if there is none.
 */
export function vendorCode(body: string): string | undefined {
  if (body.length > LONGEST_BODY) return undefined;
  // A chat webhook answers with the bare word.
  if (WEBHOOK_WORDS.has(body.trim())) return body.trim();
  const answer = parseAnswer(body);
  // Salesforce lists its errors.
  const parsed = membersOf(Array.isArray(answer) ? answer[0] : answer);
  const error = membersOf(parsed.error);
  const [first] = Array.isArray(error.errors) ? error.errors : [];
  const details = Array.isArray(error.details) ? error.details.map(membersOf) : [];
  const candidates = [
    // Google's reason says more than its status.
    ...[
      membersOf(first).reason,
      details.find(({ reason }) => reason !== undefined)?.reason,
      error.code,
      error.type,
      parsed.errorCode,
      parsed.code,
      parsed.policyName,
      parsed.category,
      parsed.error,
    ],
    ...[parsed.type, error.status],
  ];
  return candidates.find((text): text is string => typeof text === 'string' && CODE.test(text));
}

const membersOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
