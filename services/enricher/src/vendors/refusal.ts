import { askedWaitMs, isLimitSpent, parseReset } from '@pressferry/worker';
import type { Answer, CallOutcome, FailureCode } from '../model.ts';
import { vendorCode } from './vendor-code.ts';

type Refusal = Exclude<CallOutcome, { kind: 'succeeded' | 'sleep' }>;
type Answered = Extract<Answer, { kind: 'answered' }>;

/**
 * The outcome of an unsuccessful answer, by the table in docs/retries.md; null for a 2xx. `nowMs` is for headers that
 * hold an instant.
 */
export function refusal(answer: Answer, nowMs: number): Refusal | null {
  if (answer.kind === 'fault') {
    if (answer.code === 'abandoned') return { kind: 'abandoned' };
    const isFinal = answer.code === 'answer_too_large';
    return { kind: isFinal ? 'failed' : 'retry', code: answer.code, statusCode: null };
  }
  if (answer.status >= 200 && answer.status < 300) return null;
  const said = vendorCode(answer.body);
  const refused = byStatus(answer, said, nowMs);
  return said === undefined ? refused : { ...refused, detail: `the vendor says ${said}` };
}

/** Statuses that ask to come back later. 477 is HubSpot's: the account is being moved; 498 is Groq's: no capacity. */
const WAITS: Readonly<Record<number, FailureCode>> = {
  420: 'rate_limited',
  423: 'vendor_busy',
  425: 'vendor_busy',
  429: 'rate_limited',
  477: 'vendor_busy',
  498: 'vendor_busy',
  529: 'vendor_unavailable',
};
/** A missing feature: repeating does not help. */
const LASTING_5XX = new Set([501, 505]);
/** OpenAI's codes for missing money, with 429. */
const OUT_OF_MONEY = new Set([
  'insufficient_quota',
  'billing_not_active',
  'billing_hard_limit_reached',
  'exceeded_current_quota_error',
]);
/** Azure refuses a filtered prompt with 400. */
const FILTERED = new Set([
  ...['content_filter', 'content_policy_violation', 'ResponsibleAIPolicyViolation', 'invalid_prompt'],
  ...['data_inspection_failed', 'DataInspectionFailed', 'moderation_blocked'],
]);
/** Filtered prompts without a code: xAI's and OpenRouter's 403, DeepSeek's and Moonshot's 400. */
const FILTERED_WORDS =
  /(?:input|prompt|content) (?:was|is|has been) flagged|content (?:violates|exists risk)|considered high risk|inappropriate content|safety_check_type/i;
/** OpenAI's and Groq's 400 for an answer that its bound ended before it could be told. */
const CUT = /max_tokens or model output limit was reached|max completion tokens reached/i;
/** Groq's 400 for answers of its models. */
const OF_MODELS: Readonly<Record<string, FailureCode>> = {
  json_validate_failed: 'malformed_answer',
  tool_use_failed: 'answer_tool_call',
};
/** Concurrent writes of one record (Salesforce): retry. */
const RACES = new Set(['UNABLE_TO_LOCK_ROW', 'DUPLICATE_VALUE']);
/** Rate limits with 403: Salesforce's daily one, Google's. */
const LIMITED = new Set([
  ...['REQUEST_LIMIT_EXCEEDED', 'rateLimitExceeded', 'userRateLimitExceeded', 'dailyLimitExceeded', 'quotaExceeded'],
]);
/** Anthropic refuses for missing money with 400, Moonshot and Zhipu with 429, without a code that says so. */
const NO_CREDIT = /credit balance is too low|organization has been disabled|insufficient balance|余额不足/i;
/** Refused credentials under other statuses: Google's 400, the 404 of a removed webhook of Slack. */
const NO_CREDENTIAL = new Set(['API_KEY_INVALID', 'no_service', 'no_team', 'no_active_hooks', 'invalid_token']);
/** Webhooks that were removed or are switched off: Discord, n8n, Make, Teams, Power Automate. */
const NO_WEBHOOK =
  /unknown webhook|requested webhook [^\n]{0,300}not registered|no scenario listening|connector configuration not found|WorkflowTriggerIsNotEnabled|WorkflowNotFound/i;
/** Make's 400. */
const QUEUE_FULL = /^\s{0,9}queue is full/i;
/** xAI's 400, without a code. */
const WRONG_KEY = /(?:incorrect|invalid) api key|api key (?:not valid|expired)/i;
/** GitHub's 403. */
const TOO_FAST = /rate limit/i;
const TOO_FAST_MS = 60_000;
/** Google's `RetryInfo`, OpenAI's, Azure's, LiteLLM's and Telegram's messages, and members of Discord, monday and others. */
const SAID_DELAYS = [
  /"retryDelay"\s{0,9}:\s{0,9}"(\d{1,6}(?:\.\d{1,9})?s)"/,
  /"retry_?(?:after|in)(?:_seconds)?"\s{0,9}:\s{0,9}"?(\d{1,6}(?:\.\d{1,9})?)/i,
  /(?:try again in|retry after|wait) (\d[\d.hms]{0,20}(?: (?:milliseconds?|seconds?|minutes?|hours?|days?))?)/i,
];
const UNITS: Readonly<Record<string, string>> = { millisecond: 'ms' };
const MAX_CONFLICTS = 10;

const limited = (statusCode: number, waitMs: number | undefined) => ({
  ...{ kind: 'wait' as const, code: 'rate_limited' as const, statusCode, isForAll: true },
  ...(waitMs === undefined ? {} : { waitMs }),
});

function byStatus(answer: Answered, said: string | undefined, nowMs: number): Exclude<Refusal, { kind: 'abandoned' }> {
  const { status: statusCode, headers, body } = answer;
  // Several records match (Salesforce).
  if (statusCode === 300) return { kind: 'failed', code: 'vendor_conflict', statusCode };
  if (statusCode < 400) return { kind: 'failed', code: 'redirected', statusCode };
  const start = body.slice(0, 4_096);
  const isAboutPrompt = (statusCode === 400 || statusCode === 403) && FILTERED_WORDS.test(start);
  if (isAboutPrompt || (said !== undefined && FILTERED.has(said)))
    return { kind: 'failed', code: 'answer_filtered', statusCode };
  if (statusCode === 400 && CUT.test(start)) return { kind: 'failed', code: 'answer_cut', statusCode };
  const ofModel = said === undefined ? undefined : OF_MODELS[said];
  if (ofModel !== undefined) return { kind: 'failed', code: ofModel, statusCode };
  if (said !== undefined && RACES.has(said))
    return { kind: 'retry', code: 'vendor_busy', statusCode, maxAttempts: MAX_CONFLICTS };
  if (statusCode === 401 || statusCode === 402 || (said !== undefined && OUT_OF_MONEY.has(said)))
    return { kind: 'hold', code: 'vendor_denied', statusCode, isCertain: true };
  const isGone = (statusCode === 404 || statusCode === 410) && NO_WEBHOOK.test(start);
  // A vendor may have other webhooks, which are there.
  if (isGone || (said !== undefined && NO_CREDENTIAL.has(said)))
    return { kind: 'hold', code: 'vendor_denied', statusCode, isCertain: !isGone };
  if (
    (statusCode === 429 && NO_CREDIT.test(start)) ||
    (statusCode === 400 && (NO_CREDIT.test(start) || WRONG_KEY.test(start)))
  )
    return { kind: 'hold', code: 'vendor_denied', statusCode, isCertain: true };
  const isTooFast = statusCode === 403 && (isLimitSpent(headers) || TOO_FAST.test(start));
  const waitMs =
    askedWaitMs(headers, nowMs, { readResets: statusCode === 429 || statusCode === 420 || isTooFast }) ??
    saidDelayMs(statusCode, body, nowMs);
  if (isTooFast) return limited(statusCode, waitMs ?? TOO_FAST_MS);
  if (said !== undefined && LIMITED.has(said)) return limited(statusCode, waitMs);
  if (statusCode === 400 && QUEUE_FULL.test(start))
    return { kind: 'wait', code: 'vendor_busy', statusCode, isForAll: true };
  if (WAITS[statusCode] !== undefined || waitMs !== undefined) {
    const code = WAITS[statusCode] ?? (statusCode >= 500 ? 'vendor_unavailable' : 'vendor_busy');
    const isForAll = [420, 429, 498].includes(statusCode) || statusCode >= 500;
    return { kind: 'wait', code, statusCode, isForAll, ...(waitMs === undefined ? {} : { waitMs }) };
  }
  if (statusCode === 403) return { kind: 'hold', code: 'vendor_denied', statusCode, isCertain: false };
  if (statusCode === 408) return { kind: 'retry', code: 'vendor_busy', statusCode };
  if (statusCode === 409) {
    // A call with the same Idempotency-Key is in process; any other conflict is lasting.
    const isOurs = /idempoten/i.test(start);
    if (isOurs) return { kind: 'retry', code: 'vendor_busy', statusCode, maxAttempts: MAX_CONFLICTS };
    return { kind: 'failed', code: 'vendor_conflict', statusCode };
  }
  if (statusCode >= 500 && !LASTING_5XX.has(statusCode))
    return { kind: 'retry', code: 'vendor_unavailable', statusCode };
  return { kind: 'failed', code: 'vendor_refused', statusCode };
}

function saidDelayMs(statusCode: number, body: string, nowMs: number): number | undefined {
  if (statusCode !== 429 && statusCode !== 420) return undefined;
  const start = body.slice(0, 16_384);
  const said = SAID_DELAYS.map((delay) => delay.exec(start)?.[1]).find((text) => text !== undefined);
  // `2 minutes` as `2m`.
  const ms = parseReset(
    said?.replace(/\.$/, '').replace(/ (millisecond|[smhd])\w{0,12}$/i, (_, unit) => UNITS[unit] ?? unit),
    nowMs,
  );
  return ms === undefined ? undefined : ms + 1_000;
}
