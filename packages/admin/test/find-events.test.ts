import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { resultId } from '@pressferry/contracts';
import { type Database, dayOf, migrate, openDatabase } from '@pressferry/database';
import { startTestPostgres, waitFor } from '@pressferry/testing';
import { type KyselyPlugin, sql } from 'kysely';
import { findRequestIds, readStories } from '../src/index.ts';
import { pressferry } from './command.ts';

const resources = new AsyncDisposableStack();
let db: Database;
let url: string;
before(async () => {
  const prepare = async (url: string): Promise<void> => {
    await using migrated = openDatabase({ url, applicationName: 'test' });
    await migrate(migrated);
  };
  const postgres = resources.use(await startTestPostgres({ prepare }));
  ({ url } = resources.use(await postgres.createDatabase()));
  // The statistics of one connection's statements.
  db = resources.use(openDatabase({ url, applicationName: 'test', poolSize: 1 }));
  await fill();
});
after(() => resources.disposeAsync());

const DAY = dayOf(new Date());
const RUNS = 20_000;
const EVENTS = 20;
/** The ids of a number, in every table. */
const id = (kind: string, number: string): string => `md5('${kind}' || ${number})::uuid`;

/** Runs that ended on the day, each of its event and with a result; some events are of one object. */
async function fill(): Promise<void> {
  const numbers = `generate_series(1, ${RUNS}) number`;
  const instant = `'${DAY}T00:00:00Z'::timestamptz + number * interval '1 millisecond'`;
  for (const statement of [
    `insert into past_runs (filed_at, run_id, request_id, site_id, idempotency_key, automation, vendor, status, created_at)
      select ${instant}, ${id('run', 'number')}, ${id('request', 'number')}, 'shop', ${id('key', 'number')}, 'tag', 'llm', 'succeeded', now()
      from ${numbers}`,
    `insert into results (filed_at, result_id, run_id, request_id, site_id, sealed_body, completed_at)
      select ${instant}, ${id('result', 'number')}, ${id('run', 'number')}, ${id('request', 'number')}, 'shop', repeat('x', 200), now()
      from ${numbers}`,
    `insert into event_keys (request_id, filed_at) select ${id('request', 'number')}, ${instant} from generate_series(1, ${EVENTS}) number`,
    `insert into events (filed_at, request_id, site_id, idempotency_key, event_type, object_ref, occurred_at, received_at, mode, fingerprint, sealed_body)
      select ${instant}, ${id('request', 'number')}, 'shop', ${id('key', 'number')}, 'post.published', 'post-1', now(), now(), 'live', 'f', 'x'
      from generate_series(1, ${EVENTS}) number`,
    'vacuum analyze past_runs, results',
  ])
    await sql.raw(statement).execute(db);
}

const one = async <T>(query: string): Promise<T> => {
  const { rows } = await sql.raw<{ value: T }>(query).execute(db);
  assert.ok(rows[0]);
  return rows[0].value;
};

/** Scans of the day's rows: of all, by its filter, by its other indexes. */
async function scansOf(table: string) {
  await sql`select pg_stat_force_next_flush()`.execute(db);
  const partition = `${table}_${DAY.replaceAll('-', '')}`;
  const { rows } = await sql<{ all: number; filter: number; other: number }>`
    select tables.seq_scan::int as all, sum(indexes.idx_scan) filter (where is_filter)::int as filter,
      sum(indexes.idx_scan) filter (where not is_filter)::int as other
    from pg_stat_user_tables tables, (
      select indexes.relid, indexes.idx_scan, amname = 'brin' as is_filter from pg_stat_user_indexes indexes
      join pg_class on oid = indexrelid join pg_am on pg_am.oid = relam) indexes
    where tables.relname = ${partition} and tables.relid = indexes.relid group by 1`.execute(db);
  assert.ok(rows[0]);
  return rows[0];
}

for (const { kind, table } of [
  { kind: 'run', table: 'past_runs' },
  { kind: 'result', table: 'results' },
])
  test(`an event is found by its ${kind} id through the filter of its day, without reading the day`, async () => {
    const known = await one<string>(`select ${id(kind, '9000')} as value`);
    const before = await scansOf(table);
    assert.deepEqual(await findRequestIds(db, known), [await one(`select ${id('request', '9000')} as value`)]);
    assert.deepEqual(await scansOf(table), { ...before, filter: before.filter + 1 });
    assert.deepEqual(await findRequestIds(db, resultId(known)), []);
  });

test('the newest runs are listed without reading their day', async () => {
  const before = await scansOf('past_runs');
  const listed = pressferry(['runs', 'list', '--json', '--limit', '5'], { DATABASE_URL: url });
  assert.equal(await listed.exited, 0, listed.output());
  const runs = JSON.parse(listed.output()) as { run_id: string }[];
  const newest = await Promise.all(
    [0, 1, 2, 3, 4].map((less) => one(`select ${id('run', String(RUNS - less))} as value`)),
  );
  assert.deepEqual(
    runs.map(({ run_id }) => run_id),
    newest,
  );
  // A connection reports its statistics when it closes.
  const after = await waitFor(
    async () => {
      const now = await scansOf('past_runs');
      return now.other > before.other ? now : undefined;
    },
    { what: 'its scans to be told' },
  );
  // The planner looks at an index too.
  assert.deepEqual({ ...after, other: 0 }, { ...before, other: 0 });
});

test('the histories of many events take as many statements as that of one', async () => {
  const statements = async (ids: string[]): Promise<number> => {
    let count = 0;
    const counter: KyselyPlugin = {
      transformQuery: ({ node }) => {
        count++;
        return node;
      },
      transformResult: async ({ result }) => result,
    };
    assert.equal((await readStories(db.withPlugin(counter), ids)).length, ids.length);
    return count;
  };
  const ids = await findRequestIds(db, 'post-1', 'shop');
  assert.equal(ids.length, EVENTS);
  assert.equal(await statements(ids), await statements(ids.slice(0, 1)));
});
