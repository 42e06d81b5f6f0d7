import { stripTypeScriptTypes } from 'node:module';
import { parse, type SourceLocation } from 'acorn';
import { FILES, read } from './sources.ts';

/** A regular expression of the product's own source; `regex` is null if the source makes it at run time. */
export interface Pattern {
  place: string;
  file: string;
  regex: RegExp | null;
}

interface Seen {
  type: string;
  regex?: { pattern: string; flags: string };
  callee?: { name?: string };
  loc: SourceLocation;
}

const isProduct = (file: string): boolean =>
  /^(?:services|packages)\/[^/]+\/src\/.*\.ts$/.test(file) && !/\.test\.ts$|\/gen\//.test(file);

/** Every regular expression that the product can run: literals, and calls of `RegExp`. */
export const PATTERNS: readonly Pattern[] = FILES.filter(isProduct).flatMap((file) => {
  // Types become blanks, so lines stay where they are.
  const program = parse(stripTypeScriptTypes(read(file)), {
    ecmaVersion: 'latest',
    sourceType: 'module',
    locations: true,
  });
  const found: Pattern[] = [];
  visit(program, (node) => {
    const place = `${file}:${node.loc.start.line}`;
    if (node.regex !== undefined) found.push({ place, file, regex: new RegExp(node.regex.pattern, node.regex.flags) });
    if (/^(?:New|Call)Expression$/.test(node.type) && node.callee?.name === 'RegExp')
      found.push({ place, file, regex: null });
  });
  return found;
});

function visit(value: unknown, see: (node: Seen) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, see);
    return;
  }
  if (typeof value !== 'object' || value === null || value instanceof RegExp) return;
  if ('type' in value && typeof value.type === 'string') see(value as Seen);
  for (const [name, member] of Object.entries(value)) if (name !== 'loc') visit(member, see);
}
