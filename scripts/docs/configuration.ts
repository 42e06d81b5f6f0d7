import type { z } from 'zod';
import { baseConfig } from '../../packages/runtime/src/config.ts';
import { configSchema as callback } from '../../services/callback/src/config.ts';
import { configSchema as enricher } from '../../services/enricher/src/config.ts';
import { configSchema as ingress } from '../../services/ingress/src/config.ts';
import { read } from './sections.ts';

type Shape = Readonly<Record<string, z.ZodType>>;

const TABLES: Record<string, { shape: Shape; source: string }> = {
  'every service': { shape: baseConfig, source: 'packages/runtime/src/config.ts' },
  ingress: { shape: ingress.shape, source: 'services/ingress/src/config.ts' },
  enricher: { shape: enricher.shape, source: 'services/enricher/src/config.ts' },
  callback: { shape: callback.shape, source: 'services/callback/src/config.ts' },
};

/** A variable as its schema's source states it: `/** comment *\/`, then `NAME: expression`. */
const VARIABLE =
  /(?:^ {2}\/\*\*(?:\n {3}\*)? (?<comment>(?:(?!\*\/)[\s\S])+?)(?:\n {2})? \*\/\n)?^ {2}(?<name>[A-Z][A-Z0-9_]*): (?<expression>[\s\S]+?),$/gm;

function table({ shape, source }: { shape: Shape; source: string }): string {
  const rows = ['| variable | value | default | meaning |', '|---|---|---|---|'];
  let meaning = '';
  for (const { groups } of read(source).matchAll(VARIABLE)) {
    const { comment, name = '', expression = '' } = groups ?? {};
    const type = shape[name];
    if (type === undefined) continue;
    const shared = comment === undefined && meaning !== '';
    meaning = comment?.replaceAll(/\s*\n\s*\*\s*/g, ' ') ?? meaning;
    rows.push(`| \`${name}\` | ${allowed(expression)} | ${defaultOf(type)} | ${shared ? 'as above' : meaning} |`);
  }
  const missing = Object.keys(shape).filter((name) => !rows.some((row) => row.includes(`\`${name}\``)));
  const own = missing.filter((name) => shape === baseConfig || !(name in baseConfig));
  if (own.length > 0) throw new Error(`${source}: no table row could be made for ${own.join(', ')}`);
  return rows.join('\n');
}

function allowed(expression: string): string {
  const bounds = /integer\(([\d_]+), ([\w]+)\)/.exec(expression);
  const whole = bounds && `${digits(bounds[1])}–${digits(bounds[2])}`;
  if (/^(list|ranges|schedule)\b/.test(expression)) return 'list';
  if (whole) return whole;
  if (expression.startsWith('flag()')) return '`true`, `false`';
  const choices = /z\.enum\(\[(.+?)\]\)/.exec(expression)?.[1];
  return choices === undefined ? 'text' : choices.replaceAll("'", '`');
}

const digits = (number: string | undefined): string => (number ?? '').replaceAll('_', '');

function defaultOf(type: z.ZodType): string {
  const unset = type.safeParse(undefined);
  if (!unset.success) return '**required**';
  const text = Array.isArray(unset.data) ? unset.data.join(',') : String(unset.data ?? '');
  return text === '' ? '–' : `\`${text}\``;
}

/** The tables of docs/configuration.md, from the services' schemas and their comments. A variable without a comment shares the one above it. */
export const configurationTables = (): Record<string, string> =>
  Object.fromEntries(Object.entries(TABLES).map(([name, of]) => [name, table(of)]));
