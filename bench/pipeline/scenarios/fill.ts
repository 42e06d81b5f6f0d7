import type { DatabaseMeter } from '../measure/postgres.ts';

interface Column {
  name: string;
  type: string;
  isIdentity: boolean;
}

const STEP = 50_000;
/** Tables with such a column hold journeys; others hold configuration. */
const JOURNEY_COLUMN = /^(request_id|run_id|result_id)$/;

/**
 * Copies finished journeys' rows until there are so many events, whatever the tables look like. A copy's ids derive
 * from the original's, equally in every table; generated columns are left to Postgres.
 */
export async function multiplyRows(meter: DatabaseMeter, rows: number, say: (what: string) => void): Promise<void> {
  const tables = await journeyTables(meter);
  const [first] = await meter.query('select count(*)::int as count from events');
  const have = Number(first?.count);
  const copies = Math.ceil(rows / have);
  // Skips foreign keys and triggers.
  await meter.query('set session_replication_role = replica');
  await meter.query("set maintenance_work_mem = '512MB'");
  const perStep = Math.max(1, Math.floor(STEP / have));
  await makeDays(meter, copies);
  for (let from = 1; from < copies; from += perStep) {
    const to = Math.min(copies - 1, from + perStep - 1);
    for (const [table, columns] of tables) await meter.query(copyOf(table, columns, from, to));
    say(`${Math.min(rows, (to + 1) * have)} rows`);
  }
  await meter.query('reset session_replication_role');
  await meter.query('vacuum analyze');
  await meter.query('checkpoint');
}

function copyOf(table: string, columns: readonly Column[], from: number, to: number): string {
  const names = columns.map(({ name }) => `"${name}"`).join(', ');
  const values = columns
    .map(({ name, type }) => {
      if (type === 'uuid') return `md5(t."${name}"::text || ':' || n)::uuid`;
      return name === FILED ? `t.${name} - n * interval '1 minute'` : `t."${name}"`;
    })
    .join(', ');
  return `insert into ${table} (${names}) select ${values} from fill_${table} t, generate_series(${from}, ${to}) n`;
}

/** In tables by day, copies are one minute apart, back from now. */
async function makeDays(meter: DatabaseMeter, minutes: number): Promise<void> {
  const [made] = await meter.query("select to_regproc('make_day') is not null as has");
  if (made?.has !== true) return;
  await meter.query(
    `select make_day((now() at time zone 'utc')::date - ago) from generate_series(0, ${Math.ceil(minutes / 1_440) + 1}) ago`,
  );
}

const FILED = 'filed_at';

async function journeyTables(meter: DatabaseMeter): Promise<Map<string, Column[]>> {
  const found = await meter.query(
    `select c.relname as table, a.attname as name, format_type(a.atttypid, null) as type,
       a.attidentity <> '' or a.attgenerated <> '' as "isIdentity"
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
     order by c.relname, a.attnum`,
  );
  const tables = new Map<string, Column[]>();
  for (const row of found as unknown as (Column & { table: string })[])
    tables.set(row.table, [...(tables.get(row.table) ?? []), row]);
  const chosen = new Map<string, Column[]>();
  for (const [table, columns] of tables) {
    if (!columns.some(({ name }) => JOURNEY_COLUMN.test(name))) continue;
    await meter.query(`create temporary table fill_${table} as select * from ${table}`);
    chosen.set(
      table,
      columns.filter(({ isIdentity }) => !isIdentity),
    );
  }
  return chosen;
}
