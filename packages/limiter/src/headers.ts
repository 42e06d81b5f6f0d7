import type { Rate, Refused, Scope } from './decision.ts';

/**
 * The headers of a refusal, after draft-ietf-httpapi-ratelimit-headers-10: the quota and its window of a minute as the
 * policy, nothing remaining, and the seconds until the next token. Seconds are rounded up, so who obeys finds a token.
 */
export function limitHeaders(scope: Scope, rate: Rate, refusal: Refused): Record<string, string> {
  const seconds = Math.max(1, Math.ceil(refusal.retryAfterMs / 1_000));
  return {
    'ratelimit-policy': `"${scope}";q=${rate.perMinute};w=60`,
    ratelimit: `"${scope}";r=${refusal.remaining};t=${seconds}`,
    'retry-after': String(seconds),
  };
}
