import { ExactNumber, parseJson } from '@pressferry/contracts';

const MAX_DEPTH = 64;
const SHORTEST_SECRET = 6;

/** Undefined if malformed or nested deeper than 64 levels, which walking it would not survive. */
export function parseAnswer(text: string): unknown {
  try {
    // A byte order mark is not JSON, and not a fault.
    const value = parseJson(text.startsWith('\ufeff') ? text.slice(1) : text);
    return isShallow(value, MAX_DEPTH) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((member) => isShallow(member, levels - 1));
}

/**
 * For storing: makes every text and member name well-formed, because later readers refuse unpaired surrogates, and
 * removes the vendors' secrets, which must reach neither a table nor a site.
 */
export function cleaned(value: unknown, secrets: readonly string[]): unknown {
  const known = secrets.filter((secret) => secret.length >= SHORTEST_SECRET);
  const clean = (text: string): string =>
    known.reduce((left, secret) => left.replaceAll(secret, '[secret]'), text.toWellFormed());
  const walk = (part: unknown): unknown => {
    if (typeof part === 'string') return clean(part);
    if (typeof part !== 'object' || part === null || part instanceof ExactNumber) return part;
    if (Array.isArray(part)) return part.map(walk);
    return Object.fromEntries(Object.entries(part).map(([name, member]) => [clean(name), walk(member)]));
  };
  return walk(value);
}
