import { withExactNames } from '@pressferry/contracts';

const MAX_DEPTH = 64;

/** Parses a vendor's JSON; undefined where it is malformed or nested deeper than 64 levels, which walking it would not survive. */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isShallow(value, MAX_DEPTH) ? withExactNames(text, value) : undefined;
  } catch {
    return undefined;
  }
}

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((member) => isShallow(member, levels - 1));
}
