import { waitFor } from '@pressferry/testing';
import type { DatabaseMeter } from '../measure/postgres.ts';

export interface FillOptions {
  /** Finished journeys, when it is done. */
  rows: number;
  /** Copies keep so many characters of each sealed body; all by default. */
  bodyChars?: number;
  say: (what: string) => void;
}

interface Column {
  name: string;
  type: string;
}

interface JourneyTable {
  name: string;
  columns: Column[];
  /** Of tables by day. */
  isByDay: boolean;
}

/** A copy of all templates: number 1 is the newest. */
interface Copy {
  number: number;
  /** How long before its template each row was filed. */
  backMs: number;
}

const DAY_MS = 86_400_000;
/** Younger than retention's default, so a kept database loses none of them for a day. */
const DAYS = 29;
/** Tables with such a column hold journeys; others hold configuration. */
const JOURNEY_COLUMN = /^(request_id|run_id|result_id)$/;

/**
 * Copies finished journeys' rows until there are so many events, over the days before now, whatever the tables look like.
 * A copy's ids derive from the original's, equally in every table; generated columns are left to Postgres.
 */
export async function multiplyRows(meter: DatabaseMeter, { rows, bodyChars, say }: FillOptions): Promise<void> {
  const tables = await journeyTables(meter);
  await untilFinished(meter);
  const have = await templates(meter, tables);
  const copies = planCopies(Math.ceil(rows / have.count) - 1, have);
  // Skips foreign keys and triggers.
  await meter.query('set session_replication_role = replica');
  await meter.query("set maintenance_work_mem = '512MB'");
  let done = have.count;
  for (const [day, ofDay] of copies) {
    await meter.query('begin');
    for (const table of tables) await copyDay(meter, { table, day, copies: ofDay, places: have.places, bodyChars });
    await meter.query('commit');
    done += ofDay.length * have.count;
    say(`${day}: ${done} rows`);
  }
  await meter.query('reset session_replication_role');
  // All have their deliveries, and callback has looked at each, as it has in operation.
  if (have.places > 0)
    await meter.query('update delivery_sweep set place = (select max(commit_xid) from fill_results)');
  await meter.query('vacuum analyze');
  await meter.query('checkpoint');
}

/** Waits until no journey is open, because copies of an open one would be worked on. */
export async function untilFinished(meter: DatabaseMeter): Promise<void> {
  const [known] = await meter.query("select to_regclass('open_runs') is not null as is_apart");
  if (known?.is_apart !== true) return;
  const isFinished = async (): Promise<boolean> => {
    const [row] = await meter.query(
      `select exists (select from open_runs) or exists (select from open_deliveries)
         or exists (select from results where published_at is null) as is_open`,
    );
    return row?.is_open === false;
  };
  await waitFor(isFinished, { what: 'the journeys to be finished', timeoutMs: 120_000 });
}

interface Templates {
  count: number;
  firstMs: number;
  lastMs: number;
  /** Places of results, the ones that no result has included; 0 if there are none. */
  places: number;
}

/** Holds the rows to copy in temporary tables. */
async function templates(meter: DatabaseMeter, tables: readonly JourneyTable[]): Promise<Templates> {
  for (const { name } of tables) await meter.query(`create temporary table fill_${name} as select * from ${name}`);
  const filed = tables.some(({ isByDay }) => isByDay) ? 'filed_at' : 'received_at';
  const [row] = await meter.query(
    `select count(*)::int as count, extract(epoch from min(${filed})) * 1000 as first, extract(epoch from max(${filed})) * 1000 as last from fill_events`,
  );
  const isPlaced = tables.some(({ name, columns }) => name === 'results' && columns.some(isPlace));
  const [places] = isPlaced
    ? await meter.query(
        'select (max(commit_xid)::text::bigint - min(commit_xid)::text::bigint + 1)::float8 as count from fill_results',
      )
    : [];
  return {
    count: Number(row?.count),
    firstMs: Number(row?.first),
    lastMs: Number(row?.last),
    places: Number(places?.count ?? 0),
  };
}

/** At equal distances, the oldest first, by the day (UTC) in which each lies as a whole. */
export function planCopies(
  count: number,
  { firstMs, lastMs }: Pick<Templates, 'firstMs' | 'lastMs'>,
): Map<string, Copy[]> {
  const days = new Map<string, Copy[]>();
  for (let number = count; number >= 1; number--) {
    let backMs = Math.round((number * DAYS * DAY_MS) / count);
    const sinceMidnightMs = (lastMs - backMs) % DAY_MS;
    // It began the day before.
    if (sinceMidnightMs < lastMs - firstMs) backMs += Math.ceil(sinceMidnightMs) + 1;
    const day = new Date(lastMs - backMs).toISOString().slice(0, 10);
    days.set(day, [...(days.get(day) ?? []), { number, backMs }]);
  }
  return days;
}

interface CopyOptions {
  table: JourneyTable;
  day: string;
  copies: readonly Copy[];
  places: number;
  bodyChars: number | undefined;
}

/** A new day's table is attached when it is full, so its indexes are built at once. */
async function copyDay(meter: DatabaseMeter, { table, day, copies, places, bodyChars }: CopyOptions): Promise<void> {
  const { name, columns, isByDay } = table;
  const partition = `${name}_${day.replaceAll('-', '')}`;
  const [found] = await meter.query(`select to_regclass('${partition}') is not null as is_there`);
  const isNew = isByDay && found?.is_there !== true;
  if (isNew)
    await meter.query(
      `create table ${partition} (like ${name} including defaults including constraints including storage)`,
    );
  const values = columns.map((column) => expressionOf(column, places, bodyChars)).join(', ');
  const names = columns.map((column) => `"${column.name}"`).join(', ');
  const numbers = copies.map(({ number }) => number).join();
  const backs = copies.map(({ backMs }) => backMs).join();
  // The offset keeps the copies outside, so rows come in the order of time.
  await meter.query(
    `insert into ${isNew ? partition : name} (${names})
     select ${values} from unnest('{${numbers}}'::int[], '{${backs}}'::float8[]) copy (n, back)
     cross join lateral (select *, copy.n as of from fill_${name} offset 0) t`,
  );
  if (isNew)
    await meter.query(
      `alter table ${name} attach partition ${partition} for values from ('${day} 00:00:00+00') to ('${day} 00:00:00+00'::timestamptz + interval '1 day')`,
    );
}

const isPlace = ({ type }: Column): boolean => type === 'xid8';

function expressionOf(column: Column, places: number, bodyChars: number | undefined): string {
  const { name, type } = column;
  if (type === 'uuid') return `md5(t."${name}"::text || ':' || copy.n)::uuid`;
  if (type === 'timestamp with time zone') return `t."${name}" - copy.back * interval '1 ms'`;
  // Older results have lower places.
  if (isPlace(column)) return `(t."${name}"::text::bigint - copy.n * ${places}::bigint)::text::xid8`;
  if (name.startsWith('sealed_') && bodyChars !== undefined) return `left(t."${name}", ${bodyChars})`;
  return `t."${name}"`;
}

async function journeyTables(meter: DatabaseMeter): Promise<JourneyTable[]> {
  const found = await meter.query(
    `select c.relname as table, c.relkind = 'p' as "isByDay", a.attname as name, format_type(a.atttypid, null) as type,
       a.attidentity <> '' or a.attgenerated <> '' as "isGenerated"
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
     order by c.relname, a.attnum`,
  );
  const tables = new Map<string, JourneyTable & { names: string[] }>();
  for (const row of found as unknown as (Column & { table: string; isByDay: boolean; isGenerated: boolean })[]) {
    const { table: of, isByDay, isGenerated, ...column } = row;
    const table = tables.get(of) ?? { name: of, columns: [], isByDay, names: [] };
    table.names.push(column.name);
    if (!isGenerated) table.columns.push(column);
    tables.set(of, table);
  }
  return [...tables.values()].filter(({ names }) => names.some((name) => JOURNEY_COLUMN.test(name)));
}
