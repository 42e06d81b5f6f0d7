import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '@pressferry/database';
import { type Keyring, SealingKeyMissing } from '@pressferry/runtime';
import { sql } from 'kysely';
import { SEALED_COLUMNS, type SealedColumn } from './sealed-columns.ts';

export interface Resealed {
  table: string;
  resealed: number;
  /** Unchanged, by reason: `key <id> is missing`, or `damaged`. */
  unopened: Record<string, number>;
}

export interface ResealOptions {
  keyring: Keyring;
  batch: number;
  /** Texts a second, because the database has other work. */
  rate: number;
  dryRun: boolean;
  onBatch: (table: string, done: number) => void;
}

type Row = Record<string, string>;

/**
 * Seals every text under the first key. Each batch commits alone, so an interrupted run can be repeated. Skips texts
 * that another process changes meanwhile.
 */
export async function resealAll(db: Database, options: ResealOptions): Promise<Resealed[]> {
  const done: Resealed[] = [];
  for (const column of SEALED_COLUMNS) done.push(await resealColumn(db, column, options));
  return done;
}

async function resealColumn(db: Database, column: SealedColumn, options: ResealOptions): Promise<Resealed> {
  const { keyring, batch, rate, dryRun, onBatch } = options;
  const { table } = column;
  const total: Resealed = { table, resealed: 0, unopened: {} };
  let after: Row | undefined;
  for (;;) {
    const startMs = performance.now();
    const rows = await readStale(db, column, { after, limit: batch, prefix: `pf1.${keyring.currentKeyId}.` });
    const news = rows.flatMap((row) => {
      const sealed = resealed(row, column, keyring);
      if ('reason' in sealed) total.unopened[sealed.reason] = (total.unopened[sealed.reason] ?? 0) + 1;
      return 'reason' in sealed ? [] : [{ row, text: sealed.text }];
    });
    total.resealed += dryRun ? news.length : await write(db, column, news);
    after = rows.at(-1);
    onBatch(table, total.resealed);
    if (rows.length < batch) return total;
    const pauseMs = (rows.length / rate) * 1_000 - (performance.now() - startMs);
    if (!dryRun && pauseMs > 0) await delay(pauseMs);
  }
}

function resealed(
  row: Row,
  { column, context }: SealedColumn,
  keyring: Keyring,
): { text: string } | { reason: string } {
  const bound = context(row);
  try {
    return { text: keyring.seal(keyring.open(row[column] ?? '', bound), bound) };
  } catch (error) {
    return { reason: error instanceof SealingKeyMissing ? `key ${error.keyId} is missing` : 'damaged' };
  }
}

async function readStale(
  db: Database,
  { table, column, keys, where = 'true' }: SealedColumn,
  { after, limit, prefix }: { after: Row | undefined; limit: number; prefix: string },
): Promise<Row[]> {
  const names = Object.keys(keys);
  const columns = sql.join([...names, column].map((name) => sql`${sql.ref(`held.${name}`)}::text`));
  const ofKeys = sql.join(names.map((name) => sql.ref(`held.${name}`)));
  const beyond =
    after === undefined
      ? sql`true`
      : sql`(${ofKeys}) > (${sql.join(names.map((name) => sql`${after[name]}::${sql.raw(keys[name]?.replace('[]', '') ?? '')}`))})`;
  const { rows } = await sql<Row>`
    select ${columns} from ${sql.table(table)} held
    where ${sql.raw(where)} and ${sql.ref(column)} is not null and not starts_with(${sql.ref(column)}, ${prefix}) and ${beyond}
    order by ${ofKeys} limit ${limit}`.execute(db);
  return rows;
}

async function write(
  db: Database,
  { table, column, keys }: SealedColumn,
  news: readonly { row: Row; text: string }[],
): Promise<number> {
  if (news.length === 0) return 0;
  const names = Object.keys(keys);
  const lists = [
    ...names.map((name) => sql`${news.map(({ row }) => row[name])}::${sql.raw(keys[name] ?? '')}`),
    sql`${news.map(({ row }) => row[column])}::text[]`,
    sql`${news.map(({ text }) => text)}::text[]`,
  ];
  const same = names.map((name) => sql`held.${sql.ref(name)} = input.${sql.ref(name)}`);
  const { numAffectedRows } = await sql`
    update ${sql.table(table)} held set ${sql.ref(column)} = input.new_text
    from unnest(${sql.join(lists)}) input (${sql.join(names.map((name) => sql.ref(name)))}, old_text, new_text)
    where ${sql.join(same, sql` and `)} and held.${sql.ref(column)} = input.old_text`.execute(db);
  return Number(numAffectedRows ?? 0);
}

export async function countByKey(db: Database): Promise<{ table: string; key: string; count: number }[]> {
  const counted = [];
  for (const { table, column, where = 'true' } of SEALED_COLUMNS) {
    // The first characters hold the id, so the whole text is not read.
    const { rows } = await sql<{ key: string; count: string }>`
      select split_part(substr(${sql.ref(column)}, 1, 40), '.', 2) as key, count(*) from ${sql.table(table)}
      where ${sql.raw(where)} and ${sql.ref(column)} is not null group by 1 order by 1`.execute(db);
    counted.push(...rows.map(({ key, count }) => ({ table, key, count: Number(count) })));
  }
  return counted;
}
