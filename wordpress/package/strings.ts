import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A text of the plugin that can be translated, with its lines. */
export interface Translatable {
  text: string;
  context: string | undefined;
  /** What its placeholders are, for translators. */
  comment: string | undefined;
  places: string[];
}

const CALL =
  /\b(?:esc_html__|esc_attr__|esc_html_e|esc_attr_e|__|_e)\(\s*'((?:[^'\\]|\\.)*)',\s*'pressferry'\s*\)/g;
const HEADERS = ['Plugin Name', 'Description', 'Author'] as const;
const COMMENT = /\/\*\s*translators:([^*]*)\*\//g;
/** A comment for translators is on the line before its text, or a few lines before, in the same statement. */
const NEAR_CHARS = 400;

/** Every text of the plugin's sources, in the order of the files. */
export function findStrings(pluginDir: string): Translatable[] {
  const found = new Map<string, Translatable>();
  const add = (text: string, place: string, comment?: string): void => {
    const known = found.get(text) ?? { text, context: undefined, comment, places: [] };
    known.places.push(place);
    known.comment ??= comment;
    found.set(text, known);
  };
  const main = readFileSync(join(pluginDir, 'pressferry.php'), 'utf8');
  for (const name of HEADERS) {
    const value = new RegExp(`^ \\* ${name}:\\s+(.+)$`, 'm').exec(main)?.[1];
    if (value !== undefined) add(value, 'pressferry.php', `${name} of the plugin`);
  }
  for (const file of phpFiles(pluginDir)) {
    const php = readFileSync(join(pluginDir, file), 'utf8');
    const comments = [...php.matchAll(COMMENT)].map((match) => ({ end: match.index + match[0].length, text: (match[1] ?? '').trim() }));
    let from = 0;
    for (const match of php.matchAll(CALL)) {
      const line = php.slice(0, match.index).split('\n').length;
      const comment = comments.findLast(({ end }) => end > from && end <= match.index && match.index - end < NEAR_CHARS);
      add(unquoted(match[1] ?? ''), `${file}:${line}`, comment?.text);
      from = match.index;
    }
  }
  return [...found.values()];
}

function phpFiles(pluginDir: string): string[] {
  const names = readdirSync(join(pluginDir, 'src'), { recursive: true, encoding: 'utf8' });
  return ['pressferry.php', ...names.filter((name) => name.endsWith('.php')).map((name) => `src/${name}`)].sort();
}

const unquoted = (text: string): string => text.replaceAll(/\\(['\\])/g, '$1');
