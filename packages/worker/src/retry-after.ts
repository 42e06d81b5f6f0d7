/** Names in lower case, as undici and Node give them. */
type Headers = Readonly<Record<string, string | undefined>>;

const SECOND_MS = 1_000;
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: SECOND_MS, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** A larger number of seconds is an instant since the epoch: no server asks to wait for thirty years. */
const EPOCH_FROM_S = 946_684_800;

/** Seconds or an HTTP date (RFC 9110), as ms from now; undefined if absent or neither. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d{1,9}(?:\.\d{1,9})?$/.test(text)) return Math.ceil(Number(text) * SECOND_MS);
  // Date.parse takes more forms; only dates with a day's name are HTTP dates.
  const atMs = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/**
 * A limit's reset, as ms from now: seconds (`20`, `0.5`), a duration (`1m30s`, `120ms`), an instant in seconds or ms
 * since the epoch, or a date (RFC 3339, HTTP); undefined otherwise.
 */
export function parseReset(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim().replace(/ (?=m?s$)/, '') ?? '';
  if (/^\d{1,13}(?:\.\d{1,9})?$/.test(text)) {
    const number = Number(text);
    if (number < EPOCH_FROM_S) return Math.ceil(number * SECOND_MS);
    return Math.max(0, (number < EPOCH_FROM_S * SECOND_MS ? number * SECOND_MS : number) - nowMs);
  }
  const duration = parseDuration(text);
  if (duration !== undefined) return duration;
  if (!/^\d{4}-\d\d-\d\dT/.test(text)) return parseRetryAfter(text, nowMs);
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/** Go's form, which OpenAI uses: `1h2m3.5s`, `6ms`. */
function parseDuration(text: string): number | undefined {
  if (!/^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|[smhd])){1,5}$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d{1,9}(?:\.\d{1,9})?)(ms|[smhd])/g)];
  return Math.ceil(parts.reduce((sum, [, number, unit]) => sum + Number(number) * (UNITS_MS[unit ?? ''] ?? 0), 0));
}

/** Headers of resets, as OpenAI, Anthropic, GitHub, Discord, Mistral and others name them. */
const LIMIT = /rate-?limit/;
const RESET_WORD = /(?<![a-z])resets?(?:-after)?(?![a-z])/;

/**
 * The resets, in ms, of spent limits; one without a remainder counts as spent. `x-ratelimit-reset-tokens` belongs to
 * `x-ratelimit-remaining-tokens`, and so on.
 */
function spentResets(headers: Headers, nowMs: number): number[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    if (!LIMIT.test(name)) return [];
    // Wrike's and others'.
    if (name.includes('retry-after')) return [parseReset(value, nowMs) ?? []].flat();
    if (!RESET_WORD.test(name)) return spentPolicies(value);
    const left = Number(headers[name.replace(RESET_WORD, 'remaining')] ?? '0');
    const waitMs = parseReset(value, nowMs);
    return waitMs === undefined || left > 0 ? [] : [waitMs];
  });
}

/**
 * The IETF drafts' `RateLimit`, `"minute";r=0;t=50` or `limit=100, remaining=0, reset=50`, and Zendesk's `total=100;
 * remaining=0; resets=41`: the resets, in ms, of spent policies.
 */
function spentPolicies(field: string | undefined): number[] {
  const text = field ?? '';
  const policies = /\bremaining=/.test(text) ? [text] : text.split(',');
  return policies.flatMap((policy) => {
    const left = /(?:\br|\bremaining)=(\d{1,12})\b/.exec(policy)?.[1];
    const reset = /(?:\bt|\bresets?)=(\d{1,9})\b/.exec(policy)?.[1];
    return Number(left ?? '0') > 0 || reset === undefined ? [] : [Number(reset) * SECOND_MS];
  });
}

export const isLimitSpent = (headers: Headers): boolean =>
  Object.entries(headers).some(
    ([name, value]) => LIMIT.test(name) && /(?<![a-z])remaining(?![a-z])/.test(name) && value?.trim() === '0',
  );

/** The comma between values, not the one after a date's day name. */
const BETWEEN = /(?<!(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}),/;

/** The longest, because proxies add theirs to the server's. */
function longestMs(value: string | undefined, parse: (text: string) => number | undefined): number | undefined {
  const read = (value ?? '').split(BETWEEN).map(parse);
  return read.reduce((most, ms) => (ms === undefined || (most !== undefined && most > ms) ? most : ms), undefined);
}

/**
 * How long an answer asks to wait, in ms: `retry-after-ms`, else `Retry-After`, else the latest reset of a spent limit;
 * undefined if none. Resets count only in a refusal for too many requests.
 */
export function askedWaitMs(headers: Headers, nowMs: number, { readResets = false } = {}): number | undefined {
  // Azure's has another name.
  const ms = longestMs(headers['retry-after-ms'] ?? headers['x-ms-retry-after-ms'], (text) =>
    /^\d{1,12}(?:\.\d{1,9})?$/.test(text.trim()) ? Math.ceil(Number(text)) : undefined,
  );
  if (ms !== undefined) return ms;
  // Some write a duration or an instant there, against the standard.
  const asked = longestMs(headers['retry-after'], (text) => parseRetryAfter(text, nowMs) ?? parseReset(text, nowMs));
  if (asked !== undefined || !readResets) return asked;
  const all = spentResets(headers, nowMs);
  return all.length === 0 ? undefined : Math.max(...all);
}
