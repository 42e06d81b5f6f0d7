import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

export const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** What the services run: their own code and that of the packages they run on; no tests, no commands. */
export const SOURCES: readonly string[] = globSync(
  ['services/*/src/**/*.ts', 'packages/{runtime,sites,jetstream,database,worker}/src/**/*.ts'],
  { cwd: ROOT },
)
  .filter((path) => !path.endsWith('.test.ts'))
  .sort();

/** A page with each part between `<!-- generated: name -->` and `<!-- end: name -->` rewritten. */
export function withSections(name: string, sections: Readonly<Record<string, string>>): string {
  let page = read(name);
  for (const [section, text] of Object.entries(sections)) {
    const [start, end] = [`<!-- generated: ${section} -->`, `<!-- end: ${section} -->`];
    const [from, to] = [page.indexOf(start), page.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`${name} has no place for the table of ${section}`);
    page = `${page.slice(0, from + start.length)}\n\n${text}\n\n${page.slice(to)}`;
  }
  return page;
}

/** A table in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

/** The text from the bracket at `from` to the one that closes it; strings and comments of the sources hold no brackets of their own. */
export function balanced(text: string, from: number): string {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    if ('([{'.includes(text[at] ?? '')) depth++;
    if (')]}'.includes(text[at] ?? '') && --depth === 0) return text.slice(from, at + 1);
  }
  return text.slice(from);
}
