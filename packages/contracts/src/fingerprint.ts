import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

/**
 * Lower-case hex SHA-256 of the RFC 8785 canonical JSON without `sent_at`: equal for a repeat sent later or with
 * reordered members.
 */
export function fingerprint(body: Readonly<Record<string, unknown>>): string {
  const { sent_at: _stampedAtEachTry, ...rest } = body;
  return createHash('sha256')
    .update(canonicalize(rest) ?? '')
    .digest('hex');
}
