import type { Rate, Refused, Scope } from './decision.ts';

/**
 * Headers of draft-ietf-httpapi-ratelimit-headers-10: quota per minute, nothing remaining, and seconds until the next
 * token, rounded up.
 */
export function limitHeaders(scope: Scope, rate: Rate, refusal: Refused): Record<string, string> {
  const seconds = Math.max(1, Math.ceil(refusal.retryAfterMs / 1_000));
  return {
    'ratelimit-policy': `"${scope}";q=${rate.perMinute};w=60`,
    ratelimit: `"${scope}";r=${refusal.remaining};t=${seconds}`,
    'retry-after': String(seconds),
  };
}
