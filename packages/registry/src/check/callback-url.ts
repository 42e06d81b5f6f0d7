import { isIP } from 'node:net';
import { isPublicAddress } from '@pressferry/sites';

export interface CallbackPolicy {
  /** ALLOW_HTTP_CALLBACKS */
  allowHttp: boolean;
  /** ALLOW_PRIVATE_ADDRESSES */
  allowPrivate: boolean;
}

const MAX_CHARS = 2_048;
/** Names that can only resolve to private addresses. */
const PRIVATE_NAME = /^(?:[^.]+|.*\.(?:localhost|local|internal|lan|home\.arpa))$/;

/** Why callback would never push to this URL, with the remedy; null if it may. Addresses are checked at each push. */
export function callbackUrlFault(text: string, { allowHttp, allowPrivate }: CallbackPolicy): string | null {
  if (text.length > MAX_CHARS) return `is longer than ${MAX_CHARS} characters`;
  if (text !== text.trim()) return 'begins or ends with a blank';
  const url = URL.parse(text);
  if (url === null) return 'is not an absolute URL: write it with https://';
  if (url.protocol === 'http:' && !allowHttp)
    return 'is plain HTTP: use https://, or allow it with ALLOW_HTTP_CALLBACKS here and in callback';
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return `has the scheme ${url.protocol} use https://`;
  if (url.username !== '' || url.password !== '') return 'holds a user name or a password: pushes are signed instead';
  if (url.hash !== '' || text.includes('#')) return 'has a fragment (#…), which is never sent';
  if (!allowPrivate && isPrivate(url.hostname))
    return `leads to ${url.hostname}, which is not a public address: allow it with ALLOW_PRIVATE_ADDRESSES here and in callback`;
  return null;
}

function isPrivate(hostname: string): boolean {
  const literal = hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0) return !isPublicAddress(literal);
  return PRIVATE_NAME.test(hostname.replace(/\.$/, ''));
}
