import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

/**
 * The fingerprint of an event: lower-case hex SHA-256 of its RFC 8785 canonical JSON without `sent_at`, so a repeat
 * sent later, or with its members in another order, is still the same event, and any other change is not.
 */
export function fingerprint(body: Readonly<Record<string, unknown>>): string {
  const { sent_at: _stampedAtEachTry, ...rest } = body;
  return createHash('sha256')
    .update(canonicalize(rest) ?? '')
    .digest('hex');
}
