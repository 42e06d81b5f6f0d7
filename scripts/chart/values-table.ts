import { parse } from 'yaml';
import { table } from '../docs/sections.ts';

interface Entry {
  path: string[];
  /** The text after `# --` above the key. */
  meaning?: string;
}

/** The services of which a value may be described already. */
const BEFORE: Record<string, string[]> = { enricher: ['ingress'], callback: ['ingress', 'enricher'] };

/** The table of values of the chart's README, from the `# --` comments of values.yaml. Throws for a value that has none. */
export function valuesTable(text: string): string {
  const values = parse(text) as unknown;
  const entries = entriesOf(text);
  const meanings = new Map(entries.map(({ path, meaning }) => [path.join('.'), meaning]));
  const rows: string[][] = [];
  const undocumented: string[] = [];
  const described: string[] = [];
  for (const { path, meaning } of entries) {
    const name = path.join('.');
    if (described.some((outer) => name.startsWith(`${outer}.`))) continue;
    const value = valueAt(values, path);
    const isInner =
      typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
    // What several services take is described once.
    const first = BEFORE[path[0] ?? '']?.find(
      (service) => meanings.get([service, ...path.slice(1)].join('.')) !== undefined,
    );
    if (meaning !== undefined) {
      rows.push([`\`${name}\``, defaultOf(value), meaning]);
      described.push(name);
    } else if (first !== undefined) {
      rows.push([`\`${name}\``, defaultOf(value), `as \`${[first, ...path.slice(1)].join('.')}\``]);
      described.push(name);
    } else if (!isInner) undocumented.push(name);
  }
  if (undocumented.length > 0) throw new Error(`values.yaml: write \`# -- …\` above ${undocumented.join(', ')}`);
  return table(['value', 'default', 'meaning'], rows);
}

/** Every key of a YAML file of plain mappings, in order. */
function entriesOf(text: string): Entry[] {
  const entries: Entry[] = [];
  const stack: { indent: number; key: string }[] = [];
  let comment: string[] = [];
  for (const line of text.split('\n')) {
    const [, note] = /^\s*# ?(.*)$/.exec(line) ?? [];
    const [, space = '', key] = /^(\s*)([A-Za-z][\w]*):/.exec(line) ?? [];
    if (note !== undefined) comment.push(note);
    else if (key === undefined) comment = [];
    else {
      while ((stack.at(-1)?.indent ?? -1) >= space.length) stack.pop();
      stack.push({ indent: space.length, key });
      const from = comment.findIndex((each) => each.startsWith('-- '));
      const meaning = from < 0 ? undefined : comment.slice(from).join(' ').replace('-- ', '');
      entries.push({ path: stack.map((each) => each.key), ...(meaning === undefined ? {} : { meaning }) });
      comment = [];
    }
  }
  return entries;
}

const valueAt = (values: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], values);

function defaultOf(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? 'see values.yaml' : `\`${text}\``;
}
