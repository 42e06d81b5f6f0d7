import { parse } from 'csv-parse/sync';
import { z } from 'zod';

/** Files are named relative to the import file. */
export const lineSchema = z.strictObject({
  site_id: z.string(),
  issuer: z.string(),
  audience: z.string().optional(),
  callback_url: z.string().nullish(),
  status: z.string().optional(),
  kid: z.string(),
  algorithm: z.string().optional(),
  public_key: z.string().optional(),
  public_key_file: z.string().optional(),
  hs256_key_file: z.string().optional(),
  secret: z.string().optional(),
  secret_file: z.string().optional(),
  /** As `sites set` takes them: `{"rate.per_minute": 600}`. */
  settings: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
});

export type ImportLine = z.infer<typeof lineSchema>;

/** `line` counts from 1. */
export type ReadLine = { line: number; value: ImportLine } | { line: number; siteId?: string; faults: string[] };

export type ImportFormat = 'ndjson' | 'csv';

export const formatOf = (path: string): ImportFormat => (/\.csv$/i.test(path) ? 'csv' : 'ndjson');

/** Skips blank lines. */
export const readLines = (text: string, format: ImportFormat): ReadLine[] =>
  format === 'csv' ? readCsv(text) : readNdjson(text.replace(/^\uFEFF/, ''));

function readNdjson(text: string): ReadLine[] {
  return text.split('\n').flatMap((json, index): ReadLine[] => {
    if (json.trim() === '') return [];
    try {
      return [readRecord(index + 1, JSON.parse(json))];
    } catch {
      return [{ line: index + 1, faults: ['is not JSON'] }];
    }
  });
}

/** A column `settings.<name>` is a setting; an empty field sets nothing. */
function readCsv(text: string): ReadLine[] {
  let rows: { record: Record<string, string>; info: { lines: number } }[];
  try {
    rows = parse(text, { columns: true, bom: true, info: true, skip_empty_lines: true, trim: true });
  } catch (error) {
    const lines = error instanceof Error && 'lines' in error ? Number(error.lines) : 1;
    return [{ line: lines, faults: [`is not CSV: ${error instanceof Error ? error.message : String(error)}`] }];
  }
  return rows.map(({ record, info }) => {
    const given = Object.entries(record).filter(([, value]) => value !== '');
    const settings = given
      .filter(([name]) => name.startsWith('settings.'))
      .map(([name, value]) => [name.slice('settings.'.length), value]);
    const members = given.filter(([name]) => !name.startsWith('settings.'));
    return readRecord(info.lines, {
      ...Object.fromEntries(members),
      ...(settings.length === 0 ? {} : { settings: Object.fromEntries(settings) }),
    });
  });
}

function readRecord(line: number, value: unknown): ReadLine {
  const parsed = lineSchema.safeParse(value);
  if (parsed.success) return { line, value: parsed.data };
  const siteId = typeof value === 'object' && value !== null && 'site_id' in value ? String(value.site_id) : undefined;
  const faults = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  );
  return { line, faults, ...(siteId === undefined ? {} : { siteId }) };
}
