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

/** Every regular expression that services and packages can run: literals, and calls of `RegExp`. */
const OF_TYPESCRIPT: readonly Pattern[] = FILES.filter(isProduct).flatMap((file) => {
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

/** The plugin's: literals that begin and end as PHP's patterns do, delimiters and flags included, in JavaScript's spelling. */
export const OF_PHP: readonly Pattern[] = FILES.filter((file) =>
  /^wordpress\/pressferry\/src\/.*\.php$/.test(file),
).flatMap((file) =>
  [...read(file).matchAll(/'([/#])((?:[^'\\\n]|\\.)+)\1([imsu]*)'/g)].map(
    ({ index, 2: pattern = '', 3: flags = '' }) => ({
      place: `${file}:${read(file).slice(0, index).split('\n').length}`,
      file,
      regex: new RegExp(pattern.replaceAll('\\z', '$').replaceAll(/\\([#"'])/g, '$1'), flags.replace('u', '')),
    }),
  ),
);

export const PATTERNS: readonly Pattern[] = [...OF_TYPESCRIPT, ...OF_PHP];

function visit(value: unknown, see: (node: Seen) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, see);
    return;
  }
  if (typeof value !== 'object' || value === null || value instanceof RegExp) return;
  if ('type' in value && typeof value.type === 'string') see(value as Seen);
  for (const [name, member] of Object.entries(value)) if (name !== 'loc') visit(member, see);
}
